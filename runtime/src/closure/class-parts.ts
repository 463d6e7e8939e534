/** The parts of a class that are evaluated when it is defined or constructed, and so need care when it travels. */
import type { ClassParts, StaticPart, SyntaxNode } from "./scope-analysis.ts";

/** @returns the parts, and the offset at which V8 says the class is when it has a constructor of its own. */
export function classPartsOf(node: SyntaxNode, source: string): ClassParts & { readonly constructorLocation?: number } {
  const members = (node["body"] as SyntaxNode)["body"] as readonly SyntaxNode[];
  const heritage = node["superClass"] as SyntaxNode | null;
  const methods = new Map<string, string[]>();
  const statics: StaticPart[] = [];
  const privateFields: string[] = [];
  const fieldValues: number[] = [];
  let hasPrivates = false;
  let constructor: SyntaxNode | undefined;
  for (const member of members) {
    const key = member["key"] as SyntaxNode | undefined;
    const value = member["value"] as SyntaxNode | null;
    const isPrivate = key?.type === "PrivateIdentifier";
    if (member.type === "StaticBlock" || (member["static"] && member.type === "PropertyDefinition")) {
      statics.push(staticPart(member, source));
    } else if (member.type === "PropertyDefinition") {
      if (isPrivate) privateFields.push(`#${key["name"] as string}`);
      if (value) fieldValues.push(value.start);
    } else if (member["kind"] === "constructor") constructor = value ?? undefined;
    if (isPrivate && !member["static"]) hasPrivates = true;
    if (member.type === "MethodDefinition" && !member["computed"] && key !== undefined && !isPrivate) {
      const name = String(key["name"] ?? key["value"]);
      methods.set(name, [...(methods.get(name) ?? []), source.slice(methodStart(member, source), member.end)]);
    }
  }
  return {
    heritage: heritage && heritage.type !== "Literal" ? heritageOf(heritage, source) : undefined,
    statics,
    privateFields,
    hasPrivates,
    constructorBody: constructor && (constructor["body"] as SyntaxNode).start + 1,
    fieldValues,
    methods,
    hasComputedKeys: members.some((member) => member["computed"] === true),
    ...(constructor === undefined ? {} : { constructorLocation: constructor.start }),
  };
}

function heritageOf(node: SyntaxNode, source: string): NonNullable<ClassParts["heritage"]> {
  let { start, end } = node;
  // With its parentheses, as the tree does not show them: `extends (a, b)`.
  for (;;) {
    const before = source.slice(0, start).trimEnd();
    const after = /^\s*\)/.exec(source.slice(end, end + 200));
    if (!before.endsWith("(") || after === null) break;
    start = before.length - 1;
    end += after[0].length;
  }
  return { start, end, identifier: node.type === "Identifier" ? (node["name"] as string) : undefined };
}

function staticPart(member: SyntaxNode, source: string): StaticPart {
  const { start, end } = member;
  if (member.type === "StaticBlock") {
    return { kind: "block", name: "", start, end, equals: undefined, valueStart: undefined };
  }
  const key = member["key"] as SyntaxNode;
  const value = member["value"] as SyntaxNode | null;
  const isPrivate = key.type === "PrivateIdentifier";
  return {
    kind: isPrivate ? "private-field" : "field",
    name: isPrivate ? `#${key["name"] as string}` : "",
    start,
    end,
    equals: value === null ? undefined : source.lastIndexOf("=", value.start),
    valueStart: value?.start,
  };
}

/** `Function.prototype.toString` leaves out `static`. */
function methodStart(member: SyntaxNode, source: string): number {
  if (!member["static"]) return member.start;
  const rest = source.slice(member.start + "static".length);
  return member.start + "static".length + (rest.length - rest.trimStart().length);
}
