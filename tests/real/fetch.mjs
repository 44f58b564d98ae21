// Makes the calls that stdin lists, one after the other, of the server at argv[2]; says what node's fetch answered.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

function chunks(text, times) {
  return new ReadableStream({
    start(controller) {
      for (let at = 0; at < times; at++) controller.enqueue(Buffer.from(text));
      controller.close();
    },
  });
}

const said = [];
for (const { method, path, text, times, fields, chunked } of JSON.parse(readFileSync(0, "utf8"))) {
  const options = { method, headers: fields };
  if (chunked) Object.assign(options, { body: chunks(text, times), duplex: "half" });
  else if (text) options.body = text.repeat(times);
  const reply = await fetch(process.argv[2] + path, options);
  const body = Buffer.from(await reply.arrayBuffer());
  said.push([reply.status, body.length, createHash("sha256").update(body).digest("hex")]);
}
console.log(JSON.stringify(said));
