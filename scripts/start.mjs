// `npm start`: set-up, then JupyterLab on the tour. Options go to `mobula lab`, e.g. `npm start -- --port 8890`.
import { spawn } from "node:child_process";
import { ROOT, runScript } from "./lib/steps.mjs";
import { setUp } from "./setup.mjs";

await runScript(async () => {
  await setUp();
  const child = spawn(
    process.execPath,
    ["runtime/dist/cli/main.js", "lab", "notebooks/tour.ipynb", ...process.argv.slice(2)],
    {
      cwd: ROOT,
      stdio: "inherit",
    },
  );
  // Ctrl-C reaches the whole terminal group; this process waits for JupyterLab's clean end.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"])
    process.on(signal, () => child.kill(signal === "SIGINT" ? "SIGINT" : "SIGTERM"));
  return await new Promise((resolve) => child.on("close", (code) => resolve(code ?? 1)));
});
