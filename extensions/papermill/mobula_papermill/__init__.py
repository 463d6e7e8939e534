"""Lets papermill set the parameters of TypeScript notebooks."""
