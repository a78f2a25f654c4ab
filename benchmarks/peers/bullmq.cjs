// node bullmq.cjs MODULES worker [AT_ONCE] | enqueue FILE JOBS | send FILE JOBS JOB EVERY | bulk FILE JOBS JOB
const fs = require("node:fs");
const { setTimeout: sleep } = require("node:timers/promises");
const [modules, command, file, jobs, job, every] = process.argv.slice(2);
const { Queue, Worker } = require(modules + "/bullmq");

const url = new URL(process.env.BENCH_URL);
const connection = { host: url.hostname, port: Number(url.port), maxRetriesPerRequest: null };
const safe = process.env.BENCH_SETTING === "safe" ? { lockDuration: 5000, stalledInterval: 5000 } : {};

function note(file, what, number) {
  fs.appendFileSync(file, `${what} ${number} ${process.pid} ${(Date.now() / 1000).toFixed(3)}\n`);
}

const now = () => performance.timeOrigin + performance.now();

const functions = {
  async work({ file, number }) {
    note(file, "start", number);
    await sleep(20);
    note(file, "end", number);
  },
  async touch({ file }) {
    fs.appendFileSync(file, ".");
  },
  async stamp({ file, sent }) {
    fs.appendFileSync(file, `${(now() - sent).toFixed(3)}\n`);
  },
  async pause({ file }) {
    await sleep(50);
    fs.appendFileSync(file, ".");
  },
};

async function enqueue(queue, count) {
  await queue.addBulk(Array.from({ length: count }, (_, number) => ({ name: "work", data: { file, number } })));
}

async function send(queue, count) {
  for (let n = 0; n < count; n++) {
    await queue.add(job, { file, sent: now() });
    if (Number(every)) await sleep(Number(every) * 1000);
  }
}

async function bulk(queue, count) {
  for (let start = 0; start < count; start += 1000) {
    const length = Math.min(1000, count - start);
    await queue.addBulk(Array.from({ length }, () => ({ name: job, data: { file, sent: now() } })));
  }
}

async function main() {
  const queue = new Queue("bench", { connection });
  const began = performance.now();
  const used = process.cpuUsage();
  await { enqueue, send, bulk }[command](queue, Number(jobs));
  const { user, system } = process.cpuUsage(used);
  if (job) fs.writeSync(1, `${(performance.now() - began) / 1e3} ${(user + system) / 1e6}\n`);
  await queue.close();
}

if (command === "worker") {
  const worker = new Worker("bench", ({ name, data }) => functions[name](data), {
    connection, concurrency: Number(file || 2), ...safe,
  });
  worker.on("error", (error) => console.error(error.message));
} else {
  main();
}
