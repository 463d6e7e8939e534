"""What papermill loads when it starts, as an engine: it then knows how TypeScript writes parameters.

The engine itself is papermill's own, under another name; notebooks need not ask for it.
"""

from papermill.engines import NBClientEngine
from papermill.translators import papermill_translators

from .translator import TypeScriptTranslator

__all__ = ["NBClientEngine"]

papermill_translators.register("typescript", TypeScriptTranslator)
