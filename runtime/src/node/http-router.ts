/** Which handler answers a path: `/api/v1/tasks/:id` matches one segment each and names it. */

export interface Match<Handler> {
  readonly handler: Handler;
  readonly params: Readonly<Record<string, string>>;
}

interface Route<Handler> {
  readonly method: string;
  readonly segments: readonly string[];
  readonly handler: Handler;
}

export class Router<Handler> {
  readonly #routes: Route<Handler>[] = [];

  /** @throws Error when the same method and path have a handler already. */
  add(method: string, pattern: string, handler: Handler): void {
    const segments = pattern.split("/");
    const shape = shapeOf(segments);
    if (this.#routes.some((route) => route.method === method && shapeOf(route.segments) === shape)) {
      throw new Error(`${method} ${pattern} has a handler already`);
    }
    this.#routes.push({ method, segments, handler });
    // Words before names, so that `/tasks/summary` is not a task called summary.
    this.#routes.sort((a, b) => countNames(a.segments) - countNames(b.segments));
  }

  /** @returns the methods that the path has when it is not of this one; none when there is no such path. */
  find(method: string, path: string): Match<Handler> | { readonly allowed: readonly string[] } {
    const segments = path.split("/");
    const allowed = new Set<string>();
    for (const route of this.#routes) {
      const params = match(route.segments, segments);
      if (params === undefined) continue;
      if (route.method === method) return { handler: route.handler, params };
      allowed.add(route.method);
    }
    return { allowed: [...allowed] };
  }
}

function match(pattern: readonly string[], segments: readonly string[]): Record<string, string> | undefined {
  if (pattern.length !== segments.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, part] of pattern.entries()) {
    const segment = segments[index] ?? "";
    if (!part.startsWith(":")) {
      if (part !== segment) return undefined;
      continue;
    }
    const value = decode(segment);
    if (value === undefined || value === "") return undefined;
    params[part.slice(1)] = value;
  }
  return params;
}

function decode(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

function countNames(segments: readonly string[]): number {
  return segments.filter((part) => part.startsWith(":")).length;
}

function shapeOf(segments: readonly string[]): string {
  return segments.map((part) => (part.startsWith(":") ? ":" : part)).join("/");
}
