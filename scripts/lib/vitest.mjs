// One Vitest project, run for a reader: a line for each file as it ends, then what failed; all output goes to a log.
import { createWriteStream, existsSync, readFileSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { ROOT, run } from "./steps.mjs";

/** More failing files than this are no accident of a busy machine: nothing is run again. */
const MOST_FILES_AGAIN = 5;
const MOST_LINES_OF_AN_ERROR = 30;

/**
 * Run the files of a project. Files that failed run once more, alone: on two busy cores a browser or a process may be
 * late for reasons of its own. What passes only then counts as passed and is named, so that it can be looked after.
 *
 * @param {string} project a project of `vitest.config.ts`
 * @param {{ env: Record<string, string | undefined>, folder: string, name?: string, files?: string[] }} options
 *   `folder`: for the log and the reports, which carry `name`; `files`: run only these
 * @returns {Promise<{ passed: number, failed: number }>}
 */
export async function runVitest(project, { env, folder, name = project, files: wanted = [] }) {
  const first = await attempt(project, wanted, { env, folder, name });
  const files = first.failures.map((failure) => failure.file);
  if (!first.complete || files.length === 0 || files.length > MOST_FILES_AGAIN) return first.counts;
  console.log(`  Again, alone: ${files.join(", ")}`);
  const second = await attempt(project, files, { env, folder, name: `${name}-again` });
  const failed = new Set(second.failures.map((failure) => failure.file));
  for (const file of files) if (!failed.has(file)) console.log(`  passed at the second attempt: ${file}`);
  return {
    passed: first.counts.passed - first.passedIn(files) + second.counts.passed,
    failed: second.counts.failed,
  };
}

async function attempt(project, files, { env, folder, name }) {
  const report = join(folder, `vitest-${name}.json`);
  rmSync(report, { force: true });
  const log = createWriteStream(join(folder, `vitest-${name}.log`));
  const lines = lineByLine((line) => {
    if (isFileLine(line)) console.log(`  ${line.trim()}`);
  });
  const { code, output } = await run(
    process.execPath,
    [
      "node_modules/vitest/vitest.mjs",
      "run",
      ...["--project", project, "--reporter=default", "--reporter=json", `--outputFile.json=${report}`],
      ...files,
    ],
    {
      env,
      onOutput: (chunk) => {
        log.write(chunk);
        lines(chunk);
      },
    },
  );
  await new Promise((resolve) => log.end(resolve));
  console.log(`  all output: ${relative(ROOT, log.path)}`);
  if (!existsSync(report)) {
    console.log("  ✗ Vitest ended without a report.");
    return { complete: false, counts: { passed: 0, failed: 1 }, failures: [], passedIn: () => 0 };
  }
  const result = JSON.parse(readFileSync(report, "utf8"));
  const failures = failuresIn(result);
  for (const failure of failures) for (const line of failure.lines) console.log(line);
  if (code !== 0 && failures.length === 0) console.log(output.split("\n").slice(-MOST_LINES_OF_AN_ERROR).join("\n"));
  // A test that did not run (skipped, or its file did not load) counts as failed, and so does an error outside of tests.
  const passed = result.numPassedTests;
  const notPassed = result.numTotalTests - passed;
  const failed = Math.max(notPassed, failures.length, code === 0 ? 0 : 1);
  const passedIn = (names) =>
    result.testResults
      .filter((file) => names.includes(relative(ROOT, file.name)))
      .reduce((sum, file) => sum + file.assertionResults.filter((test) => test.status === "passed").length, 0);
  // An error that belongs to no file cannot be told from a broken run: then nothing is tried again.
  return { complete: code === 0 || failures.length > 0, counts: { passed, failed }, failures, passedIn };
}

/** `✓ |process| test/a.test.ts (3 tests) 812ms`: the line of a file. Those of its slow tests are indented further. */
function isFileLine(line) {
  return /^ ?[✓❯×↓] .*\.test\.tsx? /u.test(line);
}

function failuresIn(result) {
  return result.testResults
    .map((file) => {
      const bad = file.assertionResults.filter((test) => test.status !== "passed");
      if (bad.length === 0 && file.status === "passed") return undefined;
      const name = relative(ROOT, file.name);
      const lines = [`  ✗ ${name}`];
      if (file.message) lines.push(...indented(file.message, 4));
      for (const test of bad) {
        lines.push(`    ✗ ${test.fullName}${test.status === "failed" ? "" : ` (${test.status})`}`);
        for (const message of test.failureMessages ?? []) lines.push(...indented(message, 6));
      }
      return { file: name, lines };
    })
    .filter((failure) => failure !== undefined);
}

function indented(message, by) {
  const lines = stripVTControlCharacters(message)
    .split("\n")
    .filter((line) => !/node_modules\/(@vitest|vitest)\//.test(line));
  const cut = lines.length - MOST_LINES_OF_AN_ERROR;
  const shown = lines.slice(0, MOST_LINES_OF_AN_ERROR);
  if (cut > 0) shown.push(`… ${cut} more lines`);
  return shown.map((line) => " ".repeat(by) + line);
}

/** Takes chunks, gives whole lines without colours. */
function lineByLine(onLine) {
  let rest = "";
  return (chunk) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(stripVTControlCharacters(line));
  };
}
