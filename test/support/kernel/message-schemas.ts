/**
 * JSON schemas of Jupyter's messages, protocol 5.5, written from the messaging specification and independent of the
 * kernel's own types. They are strict: a field that the specification does not have is an error, unless it is one of the
 * informal ones that front ends use, which are marked.
 *
 * @see https://jupyter-client.readthedocs.io/en/stable/messaging.html
 */
import { Ajv, type AnySchemaObject, type ValidateFunction } from "ajv";

type Properties = Readonly<Record<string, AnySchemaObject>>;

const text = { type: "string" };
const flag = { type: "boolean" };
const count = { type: "integer", minimum: 0 };
const anything = { type: "object" };
const texts = { type: "array", items: text };
/** Representation by MIME type: text, lines of text, or JSON. */
const mimeBundle = { type: "object", propertyNames: { pattern: "^[\\w.+-]+/[\\w.+-]+$" } };
const error = { ename: text, evalue: text, traceback: texts };

/** An object with exactly these properties, those in `optional` not always. */
function object(required: Properties, optional: Properties = {}): AnySchemaObject {
  return {
    type: "object",
    properties: { ...required, ...optional },
    required: Object.keys(required),
    additionalProperties: false,
  };
}

/** A reply is what was asked for, or an error. */
function reply(required: Properties, optional: Properties = {}): AnySchemaObject {
  const failed = object({ status: { const: "error" }, ...error }, { execution_count: count });
  return { oneOf: [object({ status: { const: "ok" }, ...required }, optional), failed] };
}

const expressionValue = {
  oneOf: [
    object({ status: { const: "ok" }, data: mimeBundle, metadata: anything }),
    object({ status: { const: "error" }, ...error }),
  ],
};
const shownData = { data: mimeBundle, metadata: anything };
const transient = object({}, { display_id: text });
const cursor = { code: text, cursor_pos: count };
const commData = { comm_id: text, data: anything };
const historyTuple = {
  type: "array",
  items: [
    count,
    count,
    { oneOf: [text, { type: "array", items: [text, { type: ["string", "null"] }], minItems: 2, maxItems: 2 }] },
  ],
  minItems: 3,
  maxItems: 3,
};
const emptyRequest = object({});

/** `content` by message type. */
export const contentSchemas: Readonly<Record<string, AnySchemaObject>> = {
  // shell and control: requests and their replies
  execute_request: object({
    code: text,
    silent: flag,
    store_history: flag,
    user_expressions: { type: "object", additionalProperties: text },
    allow_stdin: flag,
    stop_on_error: flag,
  }),
  execute_reply: reply({
    execution_count: count,
    payload: { type: "array", items: { type: "object", properties: { source: text }, required: ["source"] } },
    user_expressions: { type: "object", additionalProperties: expressionValue },
  }),
  inspect_request: object({ ...cursor, detail_level: { enum: [0, 1] } }),
  inspect_reply: reply({ found: flag, ...shownData }),
  complete_request: object(cursor),
  complete_reply: reply({ matches: texts, cursor_start: count, cursor_end: count, metadata: anything }),
  is_complete_request: object({ code: text }),
  is_complete_reply: {
    oneOf: [
      object({ status: { enum: ["complete", "invalid", "unknown"] } }),
      object({ status: { const: "incomplete" }, indent: text }),
      object({ status: { const: "error" }, ...error }),
    ],
  },
  history_request: {
    oneOf: [
      object({ hist_access_type: { const: "tail" }, output: flag, raw: flag, n: count }),
      object(
        { hist_access_type: { const: "range" }, output: flag, raw: flag, session: { type: "integer" }, start: count },
        { stop: count },
      ),
      object(
        { hist_access_type: { const: "search" }, output: flag, raw: flag, pattern: text },
        { unique: flag, n: count },
      ),
    ],
  },
  history_reply: reply({ history: { type: "array", items: historyTuple } }),
  kernel_info_request: emptyRequest,
  kernel_info_reply: reply(
    {
      protocol_version: { type: "string", pattern: "^5\\.\\d+$" },
      implementation: text,
      implementation_version: text,
      language_info: object(
        { name: text, version: text, mimetype: text, file_extension: { type: "string", pattern: "^\\." } },
        { pygments_lexer: text, codemirror_mode: { type: ["string", "object"] }, nbconvert_exporter: text },
      ),
      banner: text,
    },
    {
      debugger: flag,
      help_links: { type: "array", items: object({ text, url: { type: "string", pattern: "^https?://" } }) },
      supported_features: texts,
    },
  ),
  comm_info_request: object({}, { target_name: text }),
  comm_info_reply: reply({ comms: { type: "object", additionalProperties: object({ target_name: text }) } }),
  interrupt_request: emptyRequest,
  interrupt_reply: reply({}),
  shutdown_request: object({ restart: flag }),
  shutdown_reply: reply({ restart: flag }),
  create_subshell_request: emptyRequest,
  create_subshell_reply: reply({ subshell_id: { type: "string", minLength: 1 } }),
  delete_subshell_request: object({ subshell_id: text }),
  delete_subshell_reply: reply({}),
  list_subshell_request: emptyRequest,
  list_subshell_reply: reply({ subshell_id: texts }),
  // informal: ipykernel's
  usage_request: emptyRequest,
  usage_reply: reply(
    { hostname: text, pid: count, kernel_cpu: { type: "number" }, kernel_memory: { type: "number" } },
    { cpu_count: count, host_virtual_memory: anything },
  ),
  // stdin
  input_request: object({ prompt: text, password: flag }),
  input_reply: reply({ value: text }),
  // both ways
  comm_open: object({ ...commData, target_name: text }, { target_module: text }),
  comm_msg: object(commData),
  comm_close: object(commData),
  // iopub
  status: object({ execution_state: { enum: ["starting", "busy", "idle"] } }),
  execute_input: object({ code: text, execution_count: count }),
  stream: object({ name: { enum: ["stdout", "stderr"] }, text: { type: "string", minLength: 1 } }),
  display_data: object({ ...shownData, transient }),
  update_display_data: object({ ...shownData, transient: object({ display_id: text }) }),
  execute_result: object({ execution_count: count, ...shownData }, { transient }),
  error: object(error),
  clear_output: object({ wait: flag }),
  iopub_welcome: object({ subscription: text }),
};

const header = object(
  {
    msg_id: { type: "string", minLength: 1 },
    session: { type: "string", minLength: 1 },
    username: text,
    date: { type: "string", pattern: "^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?(Z|[+-]\\d\\d:\\d\\d)$" },
    msg_type: text,
    version: { type: "string", pattern: "^5\\.\\d+$" },
  },
  { subshell_id: { type: ["string", "null"] } },
);

const envelope = object(
  { header, parent_header: { oneOf: [header, object({})] }, metadata: anything, content: anything },
  { buffers: { type: "array" } },
);

const ajv = new Ajv({ allErrors: true, strict: true, strictTuples: false, allowUnionTypes: true });
const validateEnvelope = ajv.compile(envelope);
const validateContent = new Map(Object.entries(contentSchemas).map(([type, schema]) => [type, ajv.compile(schema)]));

/** What is wrong with a message, one sentence each; empty when nothing is. */
export function messageProblems(message: unknown): string[] {
  const problems = problemsOf(validateEnvelope, message, "message");
  if (problems.length > 0) return problems;
  const {
    header: { msg_type: type },
    content,
  } = message as { header: { msg_type: string }; content: unknown };
  const validate = validateContent.get(type);
  return validate ? problemsOf(validate, content, type) : [`${type} is no message of protocol 5.5`];
}

function problemsOf(validate: ValidateFunction, value: unknown, what: string): string[] {
  if (validate(value)) return [];
  return (validate.errors ?? []).map(
    ({ instancePath, message, params }) => `${what}${instancePath} ${message ?? "is wrong"} ${JSON.stringify(params)}`,
  );
}
