// llama.cpp behind a pipe, by the package node-llama-cpp, which brings it compiled:
// `node llama_worker.mjs FOLDER`, where FOLDER is the one in which `npm install node-llama-cpp` was run.
//
// Reads one JSON object {"gguf": file, "prompts": token ids of each, "texts": the same as text,
// "tokens": the most that are written, "ends": ids that end a completion, "threads", "at_once": prompts
// that are computed together (1 where it is left out)}; writes {"version", "rows": ids that were added to
// each, the end included, "seconds" that writing them took, "read": the ids that llama.cpp's own tokenizer
// makes of each text}. All in float32, the cache of keys and values too, which is in float16 unless
// llama.cpp is told otherwise.
import { readFileSync, writeSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const home = path.join(process.argv[2], "node_modules", "node-llama-cpp");
const { getLlama } = await import(pathToFileURL(path.join(home, "dist", "index.js")).href);
const { version } = JSON.parse(readFileSync(path.join(home, "package.json"), "utf8"));
const asked = JSON.parse(readFileSync(0, "utf8"));

const llama = await getLlama({ gpu: false, build: "never", logLevel: "error", maxThreads: asked.threads });
const model = await llama.loadModel({ modelPath: asked.gguf });
const room = Math.max(...asked.prompts.map((ids) => ids.length)) + asked.tokens;
const atOnce = Math.min(asked.at_once ?? 1, asked.prompts.length);
const context = await model.createContext({
  contextSize: room,
  sequences: atOnce,
  batchSize: Math.max(room, 512),
  threads: asked.threads,
  flashAttention: false,
  experimentalKvCacheKeyType: "F32",
  experimentalKvCacheValueType: "F32",
});

// Greedy, one token after the other, from an empty cache.
async function written(sequence, ids) {
  await sequence.clearHistory();
  const row = [];
  for await (const token of sequence.evaluate(ids, { temperature: 0, yieldEogToken: true })) {
    row.push(token);
    if (row.length === asked.tokens || asked.ends.includes(token)) break;
  }
  return row;
}

const rows = [];
let next = 0;
// A sequence that has ended takes the next prompt; node-llama-cpp computes what is waiting together.
async function worked(sequence) {
  while (next < asked.prompts.length) {
    const place = next++;
    rows[place] = await written(sequence, asked.prompts[place]);
  }
}
const started = performance.now();
await Promise.all(Array.from({ length: atOnce }, () => worked(context.getSequence())));
const seconds = (performance.now() - started) / 1000;
const read = asked.texts.map((text) => [...model.tokenize(text, true)]);
const reply = JSON.stringify({ version: `node-llama-cpp ${version}`, rows, seconds, read });
for (let place = 0; place < reply.length; ) place += writeSync(1, reply.slice(place));
process.exit(0);
