/**
 * The two protocols that the debugger translates between, as far as it speaks them: the Debug Adapter Protocol of the
 * front end, and the DevTools protocol of V8's inspector.
 *
 * @see https://microsoft.github.io/debug-adapter-protocol/specification
 * @see https://chromedevtools.github.io/devtools-protocol/v8/
 * @see https://jupyter-client.readthedocs.io/en/stable/messaging.html#debug-request
 */

export type JsonObject = Readonly<Record<string, unknown>>;

// ---- Debug Adapter Protocol -----------------------------------------------------------------------------------------

export interface DapRequest {
  readonly type: "request";
  readonly seq: number;
  readonly command: string;
  readonly arguments: JsonObject;
}

export interface DapResponse {
  readonly type: "response";
  readonly seq: number;
  readonly request_seq: number;
  readonly command: string;
  readonly success: boolean;
  /** What was wrong, when `success` is false. */
  readonly message?: string;
  readonly body: JsonObject;
}

export interface DapEvent {
  readonly type: "event";
  readonly seq: number;
  readonly event: "initialized" | "stopped" | "continued" | "thread" | "terminated";
  readonly body: JsonObject;
}

export interface DapVariable {
  readonly name: string;
  readonly value: string;
  readonly type?: string;
  /** 0: nothing to expand. */
  readonly variablesReference: number;
  readonly evaluateName?: string;
  readonly indexedVariables?: number;
  readonly namedVariables?: number;
  readonly presentationHint?: JsonObject;
}

// ---- DevTools protocol ----------------------------------------------------------------------------------------------

/** A value on the main thread of a process. */
export interface RemoteObject {
  readonly type: string;
  readonly subtype?: string;
  readonly className?: string;
  readonly value?: unknown;
  /** `NaN`, `-0`, `10n` and the like. */
  readonly unserializableValue?: string;
  readonly description?: string;
  readonly objectId?: string;
  readonly preview?: ObjectPreview;
}

export interface ObjectPreview {
  readonly overflow: boolean;
  readonly properties: readonly PropertyPreview[];
  readonly entries?: readonly { readonly key?: ValuePreview; readonly value: ValuePreview }[];
}

export interface PropertyPreview {
  readonly name: string;
  readonly type: string;
  readonly subtype?: string;
  readonly value?: string;
}

/** The preview of a map's key or a value inside a preview. */
export interface ValuePreview {
  readonly type: string;
  readonly subtype?: string;
  readonly description?: string;
}

export interface PropertyDescriptor {
  readonly name: string;
  readonly value?: RemoteObject;
  readonly get?: RemoteObject;
  readonly enumerable?: boolean;
  readonly isOwn?: boolean;
  readonly symbol?: RemoteObject;
}

/** A place in a script; both numbers count from 0. Cells begin at line -1, above the user's first line. */
export interface ScriptLocation {
  readonly scriptId: string;
  readonly lineNumber: number;
  readonly columnNumber?: number;
}

export interface CallFrame {
  readonly callFrameId: string;
  readonly functionName: string;
  readonly location: ScriptLocation;
  readonly scopeChain: readonly { readonly type: string; readonly object: RemoteObject }[];
  readonly this: RemoteObject;
  /** Present where the function is about to return. */
  readonly returnValue?: RemoteObject;
}

export interface PausedParams {
  readonly callFrames: readonly CallFrame[];
  readonly reason: string;
  /** For exceptions: the thrown value, and whether V8 sees nobody who catches it. */
  readonly data?: RemoteObject & { readonly uncaught?: boolean };
  readonly hitBreakpoints?: readonly string[];
}
