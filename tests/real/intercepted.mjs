// A client of node that calls the server itself: node intercepted.mjs fetch|pg|ioredis ADDRESS
const [name, address] = process.argv.slice(2);

const clients = {
  async fetch() {
    return (await fetch(address)).text();
  },
  async pg() {
    const { default: pg } = await import("pg");
    const client = new pg.Client({ connectionString: address });
    await client.connect();
    const reply = await client.query("SELECT 'pong' AS said");
    await client.end();
    return reply.rows[0].said;
  },
  async ioredis() {
    const { default: Redis } = await import("ioredis");
    const client = new Redis(address, { retryStrategy: () => null });
    const failed = new Promise((_, reject) => client.on("error", reject));
    const reply = await Promise.race([failed, client.echo("pong")]);
    client.disconnect();
    return reply;
  },
};

try {
  console.log(await clients[name]());
} catch (error) {
  console.log(error.cause?.code ?? error.code ?? error.message);
}
