import { dirname } from "node:path";
import ts from "typescript";
import { libraryFiles } from "./library-files.ts";

/** What cells need whatever a project says: they are ES modules run by Node, and never emitted as files. */
const REQUIRED: ts.CompilerOptions = {
  target: ts.ScriptTarget.ESNext,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  moduleDetection: ts.ModuleDetectionKind.Force,
  allowImportingTsExtensions: true,
  allowJs: false,
  isolatedModules: false,
  noEmit: true,
  skipLibCheck: true,
};

const DEFAULTS: ts.CompilerOptions = {
  strict: true,
  esModuleInterop: true,
  resolveJsonModule: true,
  jsx: ts.JsxEmit.React,
};

/** Options of the user's project that make sense for a cell. */
const FROM_PROJECT = [
  "strict",
  "noImplicitAny",
  "strictNullChecks",
  "strictFunctionTypes",
  "strictBindCallApply",
  "strictPropertyInitialization",
  "strictBuiltinIteratorReturn",
  "noImplicitThis",
  "useUnknownInCatchVariables",
  "exactOptionalPropertyTypes",
  "noUncheckedIndexedAccess",
  "noImplicitOverride",
  "noImplicitReturns",
  "noFallthroughCasesInSwitch",
  "noPropertyAccessFromIndexSignature",
  "allowUnreachableCode",
  "allowUnusedLabels",
  "noUncheckedSideEffectImports",
  "paths",
  "pathsBasePath",
  "baseUrl",
  "rootDirs",
  "typeRoots",
  "customConditions",
  "resolvePackageJsonExports",
  "resolvePackageJsonImports",
  "resolveJsonModule",
  "esModuleInterop",
  "allowSyntheticDefaultImports",
  "allowArbitraryExtensions",
  "allowUmdGlobalAccess",
  "jsx",
  "jsxFactory",
  "jsxFragmentFactory",
  "jsxImportSource",
  "experimentalDecorators",
  "emitDecoratorMetadata",
  "useDefineForClassFields",
] as const;

/**
 * Compiler options for the cells of a notebook: ours, with what the nearest `tsconfig.json` above `directory` adds.
 * A config that cannot be read counts as none.
 *
 * @param typeRoots - where to look for `@types` packages, besides the project's.
 */
export function compilerOptionsFor(directory: string, typeRoots?: readonly string[]): ts.CompilerOptions {
  const project = projectOptions(directory);
  const chosen = Object.fromEntries(
    FROM_PROJECT.filter((name) => project[name] !== undefined).map((name) => [name, project[name]]),
  );
  const roots = [...(typeRoots ?? []), ...(project.typeRoots ?? [])];
  return {
    ...DEFAULTS,
    ...chosen,
    ...REQUIRED,
    lib: [...new Set([...libraryFiles(), ...(project.lib ?? [])])],
    types: [...new Set(["node", ...(project.types ?? [])])],
    ...(roots.length > 0 && { typeRoots: roots }),
  };
}

function projectOptions(directory: string): ts.CompilerOptions {
  const path = ts.findConfigFile(directory, (file) => ts.sys.fileExists(file));
  if (!path) return {};
  const { config } = ts.readConfigFile(path, (file) => ts.sys.readFile(file)) as { config?: object };
  // The files of the project are not wanted, and listing them could take long.
  const host: ts.ParseConfigHost = { ...ts.sys, readDirectory: () => [] };
  return ts.parseJsonConfigFileContent(config ?? {}, host, dirname(path), undefined, path).options;
}
