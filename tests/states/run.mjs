// Runs journeys through aws-local-stepfunctions in simulated time.
//
// stdin: a JSON list of {definition, input, answers}; `answers` has, for each Task state, what its calls come to in
// order: {output}, {error, cause} or {silent: true} for none, `times` over (1 unless given).
// stdout: a JSON list of {path, calls, elapsed_s} with `output` or `error`; a call is {state, parameters, at_s}.
import { readFileSync } from "node:fs";

// Node.js 20 lacks what the interpreter takes from 22.
Promise.withResolvers ??= () => {
  const settle = {};
  const promise = new Promise((resolve, reject) => Object.assign(settle, { resolve, reject }));
  return { promise, ...settle };
};

const { StateMachine } = await import("aws-local-stepfunctions");

// One clock for a journey: when nothing else is left to do, it jumps to the next timer.
class Clock {
  now_ms = 0;
  #timers = new Map();
  #last = 0;

  install() {
    globalThis.setTimeout = (callback, delay_ms = 0) => {
      this.#timers.set(++this.#last, { at_ms: this.now_ms + delay_ms, callback });
      return this.#last;
    };
    globalThis.clearTimeout = (timer) => this.#timers.delete(timer);
  }

  async runUntilSettled(promise) {
    let settled = false;
    const result = promise.finally(() => (settled = true));
    result.catch(() => {}); // it is handled by the caller
    for (;;) {
      await new Promise(setImmediate);
      if (settled) return result;
      const [timer, { at_ms, callback }] = [...this.#timers].reduce((a, b) => (b[1].at_ms < a[1].at_ms ? b : a));
      this.#timers.delete(timer);
      this.now_ms = at_ms;
      callback();
    }
  }
}

// The longest waits that the jitter allows, so that a journey takes the same time in every run.
Math.random = () => 1 - Number.EPSILON;

function handlers(answers, calls, clock) {
  const left = Object.fromEntries(
    Object.entries(answers).map(([state, list]) => [state, list.flatMap((each) => Array(each.times ?? 1).fill(each))]),
  );
  const handler = (state) => (parameters) => {
    calls.push({ state, parameters, at_s: clock.now_ms / 1000 });
    const answer = left[state].shift() ?? { error: "JourneyHasNoMoreAnswers" };
    if (answer.silent) return new Promise(() => {});
    if (answer.error) throw Object.assign(new Error(answer.cause ?? ""), { name: answer.error });
    return answer.output;
  };
  return Object.fromEntries(Object.keys(answers).map((state) => [state, handler(state)]));
}

async function run({ definition, input, answers }) {
  const clock = new Clock();
  clock.install();
  const calls = [];
  const execution = new StateMachine(definition).run(input, {
    context: { Task: { Token: "a-token" } },
    overrides: { taskResourceLocalHandlers: handlers(answers, calls, clock) },
  });
  const path = [];
  const events = (async () => {
    for await (const event of execution.eventLogs) if (event.type === "StateEntered") path.push(event.state.name);
  })();
  const outcome = await clock.runUntilSettled(execution.result).then(
    (output) => ({ output }),
    (error) => ({ error: error.cause?.name ?? error.name }),
  );
  await events;
  return { path, calls, elapsed_s: clock.now_ms / 1000, ...outcome };
}

const journeys = JSON.parse(readFileSync(0, "utf8"));
const results = [];
for (const journey of journeys) results.push(await run(journey));
console.log(JSON.stringify(results));
