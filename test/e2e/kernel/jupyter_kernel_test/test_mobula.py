"""Runs Jupyter's own conformance suite against the installed kernel `mobula`.

The kernel is found through JUPYTER_PATH. The pager is the one thing left out: payloads are deprecated, and front ends
of today have no pager.
"""

import unittest

import jupyter_kernel_test


class MobulaTests(jupyter_kernel_test.KernelTests):
    kernel_name = "mobula"
    language_name = "typescript"
    file_extension = ".ts"

    code_hello_world = "console.log('hello, world');"
    code_stderr = "console.error('something is wrong');"

    completion_samples = [
        {"text": "Number.MAX_S", "matches": {"MAX_SAFE_INTEGER"}},
        {"text": "const 🦈 = 'shark'; Number.MAX_S", "matches": {"MAX_SAFE_INTEGER"}},
        {"text": "JSON.", "matches": {"parse", "stringify"}},
    ]

    complete_code_samples = [
        "1 + 1",
        "const a: number = 1;",
        "function f(x: string) { return x; }",
        "await Promise.resolve(1)",
        "%check warn",
    ]
    incomplete_code_samples = [
        "function f() {",
        "const a = [1,",
        "const text = `line",
        "if (true) {\n  1;",
        "class A {",
    ]
    invalid_code_samples = ["const = 1;", "1 +* 2", "let a b;", ")"]

    code_generate_error = "throw new RangeError('too far');"

    code_execute_result = [
        {"code": "1 + 1", "result": "2"},
        {"code": "[1, 2].map((n) => n * 2)", "result": "[ 2, 4 ]"},
        {"code": "await Promise.resolve(6 * 7)", "result": "42"},
        {"code": "'🦈'.length", "result": "2"},
    ]
    code_display_data = [
        {"code": "display(html`<b>bold</b>`)", "mime": "text/html"},
        {"code": "display(md`**bold**`)", "mime": "text/markdown"},
        {"code": "display(svg`<svg xmlns='http://www.w3.org/2000/svg'/>`)", "mime": "image/svg+xml"},
    ]
    code_clear_output = "clearOutput()"
    code_inspect_sample = "Math.max"

    supported_history_operations = ("tail", "range", "search")
    code_history_pattern = "1?*1"

    def test_type_error(self):
        """A cell that the type check refuses is an error like any other."""
        self.flush_channels()
        reply, output_msgs = self.execute_helper("const n: number = 'text';")
        self.assertEqual(reply["content"]["ename"], "TypeScriptError")
        self.assertEqual([msg["msg_type"] for msg in output_msgs], ["error"])


    def test_stdin(self):
        """A cell asks the user through Jupyter's own client."""
        self.flush_channels()
        questions = []

        def answer(message):
            self.assertEqual(message["msg_type"], "input_request")
            questions.append(message["content"])
            self.kc.input("Ada 🦈")

        outputs = []
        code = "[prompt('name? '), await input('key? ', { password: true })]"
        reply = self.kc.execute_interactive(
            code, allow_stdin=True, stdin_hook=answer, output_hook=outputs.append, timeout=30
        )
        self.assertEqual(reply["content"]["status"], "ok")
        self.assertEqual(
            questions,
            [{"prompt": "name? ", "password": False}, {"prompt": "key? ", "password": True}],
        )
        results = [msg["content"]["data"] for msg in outputs if msg["msg_type"] == "execute_result"]
        self.assertEqual(results[0]["text/plain"], "[ 'Ada 🦈', 'Ada 🦈' ]")

    def test_no_stdin(self):
        """Without allow_stdin a question is an error, not a wait without end."""
        self.flush_channels()
        code = "prompt('name? ')"
        reply = self.kc.execute_interactive(code, allow_stdin=False, output_hook=lambda _msg: None, timeout=30)
        self.assertEqual(reply["content"]["ename"], "InputUnavailableError")


class MobulaWelcomeTests(jupyter_kernel_test.IopubWelcomeTests):
    kernel_name = "mobula"
    support_iopub_welcome = True


if __name__ == "__main__":
    unittest.main()
