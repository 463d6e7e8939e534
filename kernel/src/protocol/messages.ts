/**
 * Jupyter messages as types: protocol 5.5, and the extensions that front ends use. Fields keep Jupyter's spelling.
 *
 * @see https://jupyter-client.readthedocs.io/en/stable/messaging.html
 */

/** Version announced in every header and in `kernel_info_reply`. */
export const PROTOCOL_VERSION = "5.5";

export type JsonObject = Record<string, unknown>;

/** Messaging specification, section "Message header". */
export interface Header {
  readonly msg_id: string;
  /** Id of the sending program's run: one for the kernel, one for each client. */
  readonly session: string;
  readonly username: string;
  /** ISO 8601. */
  readonly date: string;
  readonly msg_type: string;
  readonly version: string;
  /** The subshell that a request is for; absent or `null`: the main shell. */
  readonly subshell_id?: string | null;
}

/** The header of the request a message answers; empty when nobody asked for it. */
export type ParentHeader = Header | Record<string, never>;

export interface Message<Content extends object = JsonObject> {
  readonly header: Header;
  readonly parent_header: ParentHeader;
  readonly metadata: JsonObject;
  readonly content: Content;
  readonly buffers: readonly Uint8Array[];
}

/** MIME type → representation. */
export type MimeBundle = Readonly<JsonObject>;

// ---- Requests (shell and control) -----------------------------------------------------------------------------------

export interface ExecuteRequestContent {
  readonly code: string;
  readonly silent: boolean;
  readonly store_history: boolean;
  /** Name → expression, evaluated after the code. */
  readonly user_expressions: Readonly<Record<string, string>>;
  readonly allow_stdin: boolean;
  readonly stop_on_error: boolean;
}

/** `code` with a cursor, counted in Unicode code points. */
export interface CursorContent {
  readonly code: string;
  readonly cursor_pos: number;
}

export interface InspectRequestContent extends CursorContent {
  readonly detail_level: 0 | 1;
}

export type HistoryRequestContent = {
  /** Answer `[input, output]` pairs instead of inputs. */
  readonly output: boolean;
  readonly raw: boolean;
} & (
  | { readonly hist_access_type: "tail"; readonly n: number }
  | { readonly hist_access_type: "range"; readonly session: number; readonly start: number; readonly stop?: number }
  | { readonly hist_access_type: "search"; readonly pattern: string; readonly unique: boolean; readonly n?: number }
);

export interface CommOpenContent {
  readonly comm_id: string;
  readonly target_name: string;
  readonly data: JsonObject;
}

export interface CommContent {
  readonly comm_id: string;
  readonly data: JsonObject;
}

/** A request of the Debug Adapter Protocol, with the additions that the messaging specification names. */
export interface DebugRequestContent {
  readonly type: "request";
  readonly seq: number;
  readonly command: string;
  readonly arguments: JsonObject;
}

/** Every request this kernel knows, with its content checked. */
export type Request =
  | { readonly type: "execute_request"; readonly content: ExecuteRequestContent }
  | { readonly type: "complete_request"; readonly content: CursorContent }
  | { readonly type: "inspect_request"; readonly content: InspectRequestContent }
  | { readonly type: "is_complete_request"; readonly content: { readonly code: string } }
  | { readonly type: "history_request"; readonly content: HistoryRequestContent }
  | { readonly type: "kernel_info_request" }
  | { readonly type: "comm_info_request"; readonly content: { readonly target_name?: string } }
  | { readonly type: "comm_open"; readonly content: CommOpenContent }
  | { readonly type: "comm_msg"; readonly content: CommContent }
  | { readonly type: "comm_close"; readonly content: CommContent }
  | { readonly type: "shutdown_request"; readonly content: { readonly restart: boolean } }
  | { readonly type: "interrupt_request" }
  | { readonly type: "create_subshell_request" }
  | { readonly type: "delete_subshell_request"; readonly content: { readonly subshell_id: string } }
  | { readonly type: "list_subshell_request" }
  | { readonly type: "debug_request"; readonly content: DebugRequestContent }
  | { readonly type: "usage_request" };

// ---- Input (stdin) --------------------------------------------------------------------------------------------------

/** The kernel asks the user; the answer is an `input_reply`. */
export interface InputRequestContent {
  readonly prompt: string;
  readonly password: boolean;
}

// ---- Replies --------------------------------------------------------------------------------------------------------

export interface ErrorContent {
  readonly ename: string;
  readonly evalue: string;
  readonly traceback: readonly string[];
}

export type ErrorReplyContent = { readonly status: "error" } & ErrorContent;

export type ExecuteReplyContent =
  | {
      readonly status: "ok";
      readonly execution_count: number;
      readonly payload: readonly JsonObject[];
      readonly user_expressions: JsonObject;
    }
  | (ErrorReplyContent & { readonly execution_count?: number });

export interface CompleteReplyContent {
  readonly status: "ok";
  readonly matches: readonly string[];
  /** Code points. */
  readonly cursor_start: number;
  readonly cursor_end: number;
  readonly metadata: JsonObject;
}

export interface InspectReplyContent {
  readonly status: "ok";
  readonly found: boolean;
  readonly data: MimeBundle;
  readonly metadata: JsonObject;
}

export interface IsCompleteReplyContent {
  readonly status: "complete" | "incomplete" | "invalid" | "unknown";
  readonly indent?: string;
}

/** `[session, line, input]`, or `[session, line, [input, output]]`. */
export type HistoryTuple = readonly [number, number, string | readonly [string, string | null]];

export interface KernelInfoReplyContent {
  readonly status: "ok";
  readonly protocol_version: string;
  readonly implementation: string;
  readonly implementation_version: string;
  readonly language_info: {
    readonly name: string;
    readonly version: string;
    readonly mimetype: string;
    readonly file_extension: string;
    readonly pygments_lexer: string;
    readonly codemirror_mode: string;
    readonly nbconvert_exporter: string;
  };
  readonly banner: string;
  readonly debugger: boolean;
  readonly help_links: readonly { readonly text: string; readonly url: string }[];
  readonly supported_features: readonly string[];
}

// ---- IOPub ----------------------------------------------------------------------------------------------------------

export type ExecutionState = "starting" | "busy" | "idle";

/** What the kernel broadcasts. */
export type Broadcast =
  | { readonly type: "status"; readonly content: { readonly execution_state: ExecutionState } }
  | { readonly type: "execute_input"; readonly content: { readonly code: string; readonly execution_count: number } }
  | { readonly type: "stream"; readonly content: { readonly name: "stdout" | "stderr"; readonly text: string } }
  | {
      readonly type: "display_data" | "update_display_data";
      readonly content: {
        readonly data: MimeBundle;
        readonly metadata: JsonObject;
        readonly transient: { readonly display_id?: string };
      };
    }
  | {
      readonly type: "execute_result";
      readonly content: { readonly execution_count: number; readonly data: MimeBundle; readonly metadata: JsonObject };
    }
  | { readonly type: "error"; readonly content: ErrorContent }
  | { readonly type: "clear_output"; readonly content: { readonly wait: boolean } }
  | {
      readonly type: "comm_msg" | "comm_close";
      readonly content: CommContent;
      readonly buffers?: readonly Uint8Array[];
    }
  /** An event of the Debug Adapter Protocol. */
  | { readonly type: "debug_event"; readonly content: { readonly type: "event"; readonly event: string } }
  | { readonly type: "shutdown_reply"; readonly content: { readonly status: "ok"; readonly restart: boolean } }
  | { readonly type: "iopub_welcome"; readonly content: { readonly subscription: string } };
