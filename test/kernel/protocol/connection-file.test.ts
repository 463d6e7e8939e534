import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import {
  type Connection,
  channelAddress,
  formatConnection,
  readConnectionFile,
  removeConnectionFile,
} from "../../../kernel/src/protocol/connection-file.ts";

const connection: Connection = {
  transport: "tcp",
  ip: "127.0.0.1",
  ports: { shell: 50001, control: 50002, stdin: 50003, iopub: 50004, hb: 50005 },
  key: "k",
};

async function fileWith(text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "connection-file-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, "connection.json");
  await writeFile(path, text);
  return path;
}

test("a written connection file is read back", async () => {
  expect(await readConnectionFile(await fileWith(formatConnection(connection)))).toEqual(connection);
});

test("addresses follow the transport", () => {
  expect(channelAddress(connection, "iopub")).toBe("tcp://127.0.0.1:50004");
  expect(channelAddress({ ...connection, ip: "::1" }, "hb")).toBe("tcp://[::1]:50005");
  expect(channelAddress({ ...connection, transport: "ipc", ip: "/run/k" }, "shell")).toBe("ipc:///run/k-50001");
});

/** The message with which a file is refused. */
async function refusal(path: string | Promise<string>): Promise<string> {
  const error: Error = await readConnectionFile(await path).then(
    () => new Error("accepted"),
    (reason: Error) => reason,
  );
  expect(error).toMatchObject({ code: "BAD_CONNECTION_FILE" });
  expect(error.message).not.toContain("\n");
  return error.message;
}

test("a file that cannot be used is refused in one sentence that says why", async () => {
  const without = (field: string) =>
    fileWith(JSON.stringify({ ...JSON.parse(formatConnection(connection)), [field]: null }));
  expect(await refusal("/nowhere/at-all.json")).toContain("does not exist");
  expect(await refusal(fileWith("{"))).toContain("not JSON");
  expect(await refusal(fileWith("[]"))).toContain("no ip");
  expect(await refusal(without("ip"))).toContain("no ip");
  expect(await refusal(without("key"))).toContain("no key");
  expect(await refusal(without("hb_port"))).toContain("hb_port");
  const scheme = { ...JSON.parse(formatConnection(connection)), signature_scheme: "hmac-md5" };
  expect(await refusal(fileWith(JSON.stringify(scheme)))).toContain("hmac-md5");
});

test("the folder that was made for a connection file goes with it, another one stays", async () => {
  const made = await mkdtemp(join(tmpdir(), "mobula-kernel-"));
  onTestFinished(() => rm(made, { recursive: true, force: true }));
  const at: Connection = { ...connection, transport: "ipc", ip: join(made, "channel") };
  for (const name of ["connection.json", "channel-50001"]) await writeFile(join(made, name), "");
  await writeFile(join(made, "notes.txt"), "");
  await removeConnectionFile(join(made, "connection.json"), at);
  expect(await readdir(made)).toEqual(["notes.txt"]);
  await rm(join(made, "notes.txt"));
  await removeConnectionFile(join(made, "connection.json"), at);
  await expect(readdir(made)).rejects.toThrow("ENOENT");

  const other = await fileWith(formatConnection(connection));
  await removeConnectionFile(other, connection);
  expect(await readdir(dirname(other))).toEqual([]);
});
