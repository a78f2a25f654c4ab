// node bullmq.cjs MODULES worker | node bullmq.cjs MODULES enqueue FILE JOBS
const fs = require("node:fs");
const { setTimeout: sleep } = require("node:timers/promises");
const [modules, command, file, jobs] = process.argv.slice(2);
const { Queue, Worker } = require(modules + "/bullmq");

const url = new URL(process.env.BENCH_URL);
const connection = { host: url.hostname, port: Number(url.port), maxRetriesPerRequest: null };
const safe = process.env.BENCH_SETTING === "safe" ? { lockDuration: 5000, stalledInterval: 5000 } : {};

function note(file, what, number) {
  fs.appendFileSync(file, `${what} ${number} ${process.pid} ${(Date.now() / 1000).toFixed(3)}\n`);
}

async function work({ data }) {
  note(data.file, "start", data.number);
  await sleep(20);
  note(data.file, "end", data.number);
}

async function enqueue(count) {
  const queue = new Queue("bench", { connection });
  await queue.addBulk(Array.from({ length: count }, (_, number) => ({ name: "work", data: { file, number } })));
  await queue.close();
}

if (command === "worker") {
  const worker = new Worker("bench", work, { connection, concurrency: 2, ...safe });
  worker.on("error", (error) => console.error(error.message));
} else {
  enqueue(Number(jobs));
}
