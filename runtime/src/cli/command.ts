/** Commands of `mobula`: their options, how arguments are read, and what a wrong one is answered with. */
import { type ParseArgsConfig, parseArgs } from "node:util";
import { nearestName } from "../nearest-name.ts";

/** Options by name, as `node:util` describes them. */
export type OptionsConfig = NonNullable<ParseArgsConfig["options"]>;

/** What the process exits with. */
export const EXIT_CODES = {
  ok: 0,
  /** A cell of the notebook failed, or the command could not do its work. */
  failed: 1,
  /** The arguments or the notebook are wrong; nothing ran. */
  usage: 2,
  timedOut: 124,
  /** Stopped by SIGINT or SIGTERM. */
  interrupted: 130,
  kernelDied: 138,
} as const;

export type ExitCode = (typeof EXIT_CODES)[keyof typeof EXIT_CODES];

export interface Command {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** The whole help text: usage, options, an example. */
  readonly help: string;
  readonly options: OptionsConfig;
  /** What follows the name, as in `mobula job list`, each with its whole name. */
  readonly actions?: readonly Command[];
  /** @throws CommandError when it cannot be done; the message is one sentence. */
  run(values: OptionValues, positionals: readonly string[]): Promise<ExitCode>;
}

/** What the user gave, by option name: text, `true`, or a list of texts for an option that may come several times. */
export type OptionValues = Readonly<Record<string, string | true | readonly string[] | undefined>>;

/** A command cannot do what it was asked to. `message` is one sentence that says what to do. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

export function usageError(message: string): CommandError {
  return new CommandError(EXIT_CODES.usage, message);
}

/**
 * Read the arguments of a command.
 *
 * @throws CommandError naming the nearest valid option for an unknown one.
 */
export function parseOptions(
  command: Command,
  args: readonly string[],
): { values: OptionValues; positionals: string[] } {
  const options: OptionsConfig = { ...command.options, help: { type: "boolean", short: "h" } };
  const { tokens } = parseArgs({ args: [...args], options, allowPositionals: true, strict: false, tokens: true });
  const values: Record<string, string | true | string[]> = {};
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind !== "option") continue;
    const option = Object.hasOwn(options, token.name) ? options[token.name] : undefined;
    if (option === undefined) throw unknownOption(command, options, token.rawName);
    const value = optionValue(token, option.type);
    const earlier = values[token.name];
    if (option.multiple === true) values[token.name] = [...(Array.isArray(earlier) ? earlier : []), String(value)];
    else values[token.name] = value;
  }
  return { values, positionals };
}

/** The text given for an option that takes one. */
export function textOf(values: OptionValues, name: string): string | undefined {
  const value = values[name];
  return typeof value === "string" ? value : undefined;
}

/** The texts given for an option that may come several times. */
export function textsOf(values: OptionValues, name: string): readonly string[] {
  const value = values[name];
  return Array.isArray(value) ? value : [];
}

/** The longest time a timer of Node can wait, in seconds: almost 25 days. */
const MAX_SECONDS = Math.floor((2 ** 31 - 1) / 1000);

/** A positive number of seconds, as milliseconds. */
export function secondsOf(values: OptionValues, name: string): number | undefined {
  const text = textOf(values, name);
  if (text === undefined) return undefined;
  const seconds = Number(text);
  if (text.trim() !== "" && seconds > 0 && seconds <= MAX_SECONDS) return seconds * 1000;
  const limit = seconds > MAX_SECONDS ? ` up to ${MAX_SECONDS}` : "";
  throw usageError(`The option '--${name}' takes a number of seconds${limit}, as in '--${name} 90', not '${text}'.`);
}

/** A number that is 0 or more. */
export function amountOf(values: OptionValues, name: string): number | undefined {
  const text = textOf(values, name);
  if (text === undefined) return undefined;
  const amount = Number(text);
  if (text.trim() !== "" && Number.isFinite(amount) && amount >= 0) return amount;
  throw usageError(`The option '--${name}' takes a number, as in '--${name} 2', not '${text}'.`);
}

const BYTES: Readonly<Record<string, number>> = {
  "": 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
  tib: 1024 ** 4,
};

/** A size such as `8GiB`, `500MB` or `1000000`, in bytes. */
export function bytesOf(values: OptionValues, name: string): number | undefined {
  const text = textOf(values, name);
  if (text === undefined) return undefined;
  const [, digits = "", unit = ""] = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(text) ?? [];
  const factor = BYTES[unit.toLowerCase()];
  if (digits !== "" && factor !== undefined) return Math.floor(Number(digits) * factor);
  throw usageError(`The option '--${name}' takes a size, as in '--${name} 8GiB', not '${text}'.`);
}

/** A port of TCP. */
export function portOf(values: OptionValues, name: string): number | undefined {
  const text = textOf(values, name);
  if (text === undefined) return undefined;
  const port = Number(text);
  if (/^\d+$/.test(text) && port >= 1 && port <= 65_535) return port;
  throw usageError(`The option '--${name}' takes a number from 1 to 65535, not '${text}'.`);
}

/** One of a few words. */
export function choiceOf<Choice extends string>(
  values: OptionValues,
  name: string,
  choices: readonly Choice[],
): Choice | undefined {
  const text = textOf(values, name);
  if (text === undefined) return undefined;
  const choice = choices.find((each) => each === text);
  if (choice !== undefined) return choice;
  throw usageError(`The option '--${name}' is one of ${choices.join(", ")}, not '${text}'.`);
}

function optionValue(
  token: { rawName: string; value?: string | undefined; inlineValue?: boolean | undefined },
  type: string,
): string | true {
  const { rawName, value, inlineValue } = token;
  if (type === "boolean") {
    if (value === undefined) return true;
    throw usageError(`The option '${rawName}' takes no value, so write it without '=${value}'.`);
  }
  // `--output --check` means that the output was forgotten.
  if (value === undefined || (inlineValue === false && value.startsWith("--"))) {
    throw usageError(`The option '${rawName}' needs a value after it.`);
  }
  return value;
}

function unknownOption(command: Command, options: OptionsConfig, rawName: string): CommandError {
  const names = Object.entries(options).flatMap(([name, { short }]) =>
    short ? [`--${name}`, `-${short}`] : [`--${name}`],
  );
  const nearest = nearestName(rawName, names);
  const hint = nearest === undefined ? `'mobula ${command.name} --help' lists them` : `did you mean '${nearest}'?`;
  return usageError(`'mobula ${command.name}' has no option '${rawName}'; ${hint}`);
}
