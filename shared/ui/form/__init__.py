"""The form renderer: every field type and condition of a store's document, on the phone and in the
admin's preview."""

from shared.ui.form.state import FieldState, FormState
from shared.ui.form.view import FieldView, FormView

__all__ = ["FieldState", "FieldView", "FormState", "FormView"]
