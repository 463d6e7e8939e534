/** Values of the session as short texts. */
import type { ObjectPreview, PropertyPreview, RemoteObject, ValuePreview } from "./protocol.ts";

const MAX_TEXT = 1000;
const MAX_OBJECT = 160;
const MAX_SIGNATURE = 80;

/** The text of a value, on one line. */
export function describeValue(remote: RemoteObject): string {
  if (remote.unserializableValue !== undefined) return remote.unserializableValue;
  switch (remote.type) {
    case "string":
      return shorten(JSON.stringify(remote.value), MAX_TEXT);
    case "function":
      return describeFunction(remote.description ?? "");
    case "object":
      return remote.subtype === "null" ? "null" : shorten(describeObject(remote), MAX_OBJECT);
    case "undefined":
      return "undefined";
    default:
      return remote.description ?? String(remote.value);
  }
}

/** The type of a value as a JavaScript programmer calls it: `number`, `Array(3)`, `Map(2)`, `Point`. */
export function typeOf(remote: RemoteObject): string {
  if (remote.type !== "object") return isClass(remote) ? "class" : remote.type;
  if (remote.subtype === "null") return "null";
  return sizeOf(remote) === undefined ? (remote.className ?? "Object") : (remote.description ?? "");
}

/** Number of elements of an array, map, set or the like; `undefined` for anything else. */
export function sizeOf({ subtype, description = "" }: RemoteObject): number | undefined {
  if (subtype !== "array" && subtype !== "typedarray" && subtype !== "map" && subtype !== "set") return undefined;
  const size = /\((\d+)\)$/.exec(description)?.[1];
  return size === undefined ? undefined : Number(size);
}

function isClass({ type, description = "" }: RemoteObject): boolean {
  return type === "function" && description.startsWith("class");
}

function describeFunction(text: string): string {
  // Erased types have left spaces.
  const oneLine = text.replace(/\s+/g, " ").replace(/ (?=[),;])/g, "");
  if (oneLine.length <= MAX_SIGNATURE) return oneLine;
  const signature = /^(?:async )?(?:class [^{]*|function\*? ?[^{]*|[^={]*=>)/.exec(oneLine)?.[0] ?? oneLine;
  return `${shorten(signature.trim(), MAX_SIGNATURE)} {…}`;
}

function describeObject({ subtype, className = "Object", description = className, preview }: RemoteObject): string {
  if (subtype === "error") return description.split("\n")[0] ?? description;
  if (subtype === "date" || subtype === "regexp") return description;
  if (preview === undefined) return description;
  if (subtype === "array" || subtype === "typedarray")
    return `${describeHead(description)}${describeElements(preview)}`;
  if (preview.entries !== undefined) return `${description} {${describeEntries(preview)}}`;
  const head = className === "Object" ? "" : `${className} `;
  return `${head}{${describeProperties(preview)}}`;
}

/** `Array(3)` says itself by its brackets. */
function describeHead(description: string): string {
  return description.startsWith("Array(") ? `${description.slice("Array".length)} ` : `${description} `;
}

function describeElements({ properties, overflow }: ObjectPreview): string {
  const texts = properties.map((property) =>
    /^\d+$/.test(property.name) ? describeProperty(property) : `${property.name}: ${describeProperty(property)}`,
  );
  return `[${[...texts, ...(overflow ? ["…"] : [])].join(", ")}]`;
}

function describeEntries({ entries = [], overflow }: ObjectPreview): string {
  const texts = entries.map(({ key, value }) =>
    key === undefined ? describePart(value) : `${describePart(key)} => ${describePart(value)}`,
  );
  return [...texts, ...(overflow ? ["…"] : [])].join(", ");
}

function describeProperties({ properties, overflow }: ObjectPreview): string {
  const texts = properties.map((property) => `${property.name}: ${describeProperty(property)}`);
  return [...texts, ...(overflow ? ["…"] : [])].join(", ");
}

function describeProperty({ type, subtype, value = "" }: PropertyPreview): string {
  if (type === "string") return JSON.stringify(value);
  if (type === "function") return "ƒ";
  if (type === "accessor") return "(getter)";
  return type === "object" && subtype === undefined && value === "Object" ? "{…}" : value;
}

function describePart({ type, subtype, description = "" }: ValuePreview): string {
  return describeProperty({ name: "", type, value: description, ...(subtype === undefined ? {} : { subtype }) });
}

function shorten(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text;
}
