import { afterEach, expect, it, vi } from "vitest";
import { type HeadOptions, headEnvironment, takeHeadOptions } from "../../../runtime/src/node/options.ts";

const OPTIONS: HeadOptions = {
  clusterId: "c0ffee",
  directory: "/nowhere",
  resources: { cpus: 2 },
  objectStoreBytes: 1,
  prestart: 2,
};

afterEach(() => {
  vi.unstubAllEnvs();
});

/** What a head takes from the environment that it is started with. */
function startHead(environment: NodeJS.ProcessEnv): HeadOptions {
  for (const name of Object.keys(process.env)) vi.stubEnv(name, environment[name]);
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
  return takeHeadOptions();
}

it("a head starts without the certificates that Node would read, and what it starts has them", () => {
  vi.stubEnv("NODE_EXTRA_CA_CERTS", "/etc/own.pem");
  const before = { ...process.env };
  const environment = headEnvironment(OPTIONS);
  expect(environment).not.toHaveProperty("NODE_EXTRA_CA_CERTS");
  expect(startHead(environment)).toEqual(OPTIONS);
  expect(process.env).toEqual(before);
});

it("a head's environment is the driver's where no such certificates are named", () => {
  vi.stubEnv("NODE_EXTRA_CA_CERTS", undefined);
  const before = { ...process.env };
  expect(startHead(headEnvironment(OPTIONS))).toEqual(OPTIONS);
  expect(process.env).toEqual(before);
});
