// node bullmq.cjs MODULES worker [AT_ONCE] | send ORDER
const crypto = require("node:crypto");
const fs = require("node:fs");
const { setTimeout: sleep } = require("node:timers/promises");
const [modules, command, argument] = process.argv.slice(2);
const { Queue, Worker } = require(modules + "/bullmq");

const url = new URL(process.env.BENCH_URL);
const connection = { host: url.hostname, port: Number(url.port), maxRetriesPerRequest: null };
const settings = {
  safe: { lockDuration: 5000, stalledInterval: 5000 },
  dropped: { removeOnComplete: { count: 0 } },
}[process.env.BENCH_SETTING] ?? {};

// Opened once per process: opening takes longer than the write, and is no cost of a queue.
const opened = {};

function append(file, line) {
  opened[file] ??= fs.openSync(file, "a", 0o600);
  fs.writeSync(opened[file], line);
}

function note(file, what, number) {
  append(file, `${what} ${number} ${process.pid} ${(Date.now() / 1000).toFixed(3)}\n`);
}

const now = () => performance.timeOrigin + performance.now();

const functions = {
  async work({ file, number }) {
    note(file, "start", number);
    await sleep(20);
    note(file, "end", number);
  },
  async touch({ file }) {
    append(file, ".");
  },
  async echo({ file, data }) {
    append(file, ".");
    return data;
  },
  async stamp({ file, sent }) {
    append(file, `${(now() - sent).toFixed(3)}\n`);
  },
  async pause({ file }) {
    await sleep(50);
    append(file, ".");
  },
};

// An order as benchmarks/peers/__init__.py describes it, as arguments of `add` and entries of `addBulk`.
function* calls({ job, file, jobs, size, first, last }) {
  const rest = size ? { data: crypto.randomBytes(size).toString("base64").slice(0, size) } : {};
  const began = now();
  for (let number = 0; number < jobs; number++) {
    const due = began + (first + (number / jobs) * (last - first)) * 1e3;
    const data = job === "work" ? { file, number } : { file, sent: last ? due : now(), ...rest };
    yield { name: job, data, opts: last ? { delay: Math.ceil(due - now()) } : {} };
  }
}

async function send(queue, order) {
  let batch = [];
  for (const call of calls(order)) {
    if (order.bulk) batch.push(call);
    else await queue.add(call.name, call.data, call.opts);
    if (batch.length === 1000) await queue.addBulk(batch.splice(0));
    if (order.every) await sleep(order.every * 1e3);
  }
  if (batch.length) await queue.addBulk(batch);
}

async function main() {
  const queue = new Queue("bench", { connection });
  const [began, used] = [performance.now(), process.cpuUsage()];
  await send(queue, JSON.parse(argument));
  const { user, system } = process.cpuUsage(used);
  fs.writeSync(1, `${(performance.now() - began) / 1e3} ${(user + system) / 1e6}\n`);
  await queue.close();
}

if (command === "worker") {
  const worker = new Worker("bench", ({ name, data }) => functions[name](data), {
    connection, concurrency: Number(argument || 2), ...settings,
  });
  worker.on("error", (error) => console.error(error.message));
} else {
  main();
}
