/** `mobula timeline`: what ran where and when, as a file. */
import { writeFile } from "node:fs/promises";
import { ADDRESS_HELP, ADDRESS_OPTIONS, findCluster } from "./cluster-source.ts";
import { type Command, CommandError, EXIT_CODES, textOf } from "./command.ts";

export const timelineCommand: Command = {
  name: "timeline",
  summary: "what ran where and when, for Perfetto",
  help: `Usage: mobula timeline [OPTIONS]

Write the runs of tasks and actors' methods as a trace: one row per worker, an arrow from each call to its run. Open the
file in https://ui.perfetto.dev or chrome://tracing.

Options:
  -o, --output PATH      the file; 'timeline.json' by default, '-' for standard output
      --job JOB          only tasks of this job; 'mobula list jobs' lists them
      --limit N          ended tasks at most, the newest; 20 000 by default
${ADDRESS_HELP}

Example:
  mobula timeline -o trace.json
`,
  options: {
    ...ADDRESS_OPTIONS,
    output: { type: "string", short: "o" },
    job: { type: "string" },
    limit: { type: "string" },
  },
  run: async (values) => {
    const source = await findCluster(values);
    const job = textOf(values, "job");
    const limit = textOf(values, "limit");
    const timeline = await source.read("timeline", {
      ...(job === undefined ? {} : { job }),
      ...(limit === undefined ? {} : { limit }),
    });
    const text = `${JSON.stringify(timeline)}\n`;
    const output = textOf(values, "output") ?? "timeline.json";
    if (output === "-" || values["json"] === true) {
      process.stdout.write(text);
      return EXIT_CODES.ok;
    }
    await writeFile(output, text).catch((error: Error) => {
      throw new CommandError(EXIT_CODES.failed, `'${output}' cannot be written: ${error.message}.`);
    });
    const runs = timeline.traceEvents.filter(({ ph, cat }) => ph === "X" && cat !== "submit").length;
    process.stdout.write(`${runs} runs in ${output}; open it in https://ui.perfetto.dev\n`);
    return EXIT_CODES.ok;
  },
};
