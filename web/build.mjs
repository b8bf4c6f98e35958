/** Builds the packages into their `dist`: one ESM file each, with types. And what the examples load, into theirs. */

import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

for (const name of ["client", "react"]) {
  const dist = here(`packages/${name}/dist`);
  rmSync(dist, { recursive: true, force: true });
  await build({
    entryPoints: [here(`packages/${name}/src/index.ts`)],
    outfile: `${dist}/index.js`,
    bundle: true,
    minify: true,
    sourcemap: true,
    format: "esm",
    target: "es2022",
    packages: "external",
  });
  const types = ["--emitDeclarationOnly", "--noEmit", "false", "--declaration", "--rewriteRelativeImportExtensions", "true"];
  const options = ["--module", "nodenext", "--target", "es2022", "--lib", "es2023,dom,dom.iterable", "--strict", "--skipLibCheck"];
  const tsc = here("node_modules/typescript/bin/tsc");
  const entry = here(`packages/${name}/src/index.ts`);
  const result = spawnSync(process.execPath, [tsc, "--ignoreConfig", ...types, ...options, "--outDir", dist, entry], { stdio: "inherit" });
  if (result.status !== 0) process.exit(result.status ?? 1);
  for (const file of readdirSync(dist).filter((each) => each.endsWith(".d.ts"))) {
    const path = `${dist}/${file}`;
    writeFileSync(path, readFileSync(path, "utf8").replace(/(from "\.\/[^"]+)\.ts"/g, '$1.js"'));
  }
}

await build({
  entryPoints: { client: here("packages/client/src/index.ts"), hooks: here("examples/hooks.ts") },
  outdir: here("examples/dist"),
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  conditions: ["source"],
  define: { "process.env.NODE_ENV": '"production"' },
});
