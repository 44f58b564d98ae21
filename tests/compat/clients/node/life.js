// The life cycle of toxiproxy-node-client: node life.js URL UPSTREAM. Writes a JSON object with what each step said.
"use strict";
const net = require("net");
const { Toxiproxy } = require("toxiproxy-node-client");

const [url, upstream] = process.argv.slice(2);
const said = {};

/** How many ms an echo takes through a proxy; "closed" where the link ends instead. */
function trip(proxy) {
  const [port, ...host] = proxy.listen.split(":").reverse();
  return new Promise((resolve, reject) => {
    const began = process.hrtime.bigint();
    const link = net.connect(Number(port), host.reverse().join(":"), () => link.write("ping"));
    link.setTimeout(10000, () => link.destroy(new Error("no answer")));
    link.once("data", () => {
      link.destroy();
      resolve(Number(process.hrtime.bigint() - began) / 1e6);
    });
    link.once("end", () => resolve("closed"));
    link.once("error", reject);
  });
}

async function refused(call) {
  try {
    await call();
    return "nothing";
  } catch (error) {
    return error.message;
  }
}

async function life() {
  const toxiproxy = new Toxiproxy(url);
  said.version = typeof JSON.parse(await toxiproxy.getVersion()).version;

  const body = { name: "echo", listen: "127.0.0.1:0", upstream };
  const proxy = await toxiproxy.createProxy(body);
  said.created = { ...proxy.toJson(), listen: "of its own" };
  said.again = await refused(() => toxiproxy.createProxy(body));
  said.healthy = await trip(proxy);

  const latency = await proxy.addToxic({
    name: "slow", type: "latency", stream: "downstream", toxicity: 1, attributes: { latency: 1000, jitter: 0 },
  });
  said.toxic = latency.toJson();
  said.slow = await trip(proxy);
  said.updated = (await latency.update({ attributes: { latency: 2000 } })).toJson();
  said.slower = await trip(proxy);
  said.found = (await proxy.getToxic("slow")).toJson();
  await latency.remove();
  said.gone = await refused(() => proxy.getToxic("slow"));
  said.healed = await trip(proxy);

  said.wrong = await refused(() => proxy.addToxic({ name: "x", type: "x", stream: "downstream", toxicity: 1, attributes: {} }));
  await proxy.addToxic({ type: "timeout", attributes: { timeout: 100 } });
  said.timeout = await trip(proxy);

  const disabled = await proxy.update({ enabled: false });
  said.disabled = [disabled.enabled, disabled.listen === proxy.listen, (await refused(() => trip(proxy))).split(" ")[1]];
  await toxiproxy.reset();
  said.reset = [(await toxiproxy.get("echo")).enabled, await trip(proxy)];

  const populated = await toxiproxy.populate([
    { name: "echo", listen: proxy.listen, upstream },
    { name: "other", listen: "127.0.0.1:0", upstream },
  ]);
  said.populated = Object.keys(populated);
  said.all = Object.keys(await toxiproxy.getAll());
  for (const each of Object.values(await toxiproxy.getAll())) {
    await each.remove();
  }
  said.left = Object.keys(await toxiproxy.getAll());
  said.missing = await refused(() => toxiproxy.get("echo"));
}

life().then(() => console.log(JSON.stringify(said)), (error) => {
  console.error(error, JSON.stringify(said));
  process.exit(1);
});
