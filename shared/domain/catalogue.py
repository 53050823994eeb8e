"""The forms of a store, said once: the table that keeps a form's records, the verb that saves one,
the other verbs whose `set` holds its fields."""

FORM_TABLES = {
    "customer": "customers",
    "companion": "companions",
    "vehicle": "vehicles",
    "policy": "policies",
    "deal": "deals",
    "conversation": "conversations",
}
SAVE_VERBS = {
    "customer": "save_customer",
    "companion": "save_companion",
    "vehicle": "save_vehicle",
    "policy": "save_policy",
    "deal": "save_deal",
}
FORM_OF_VERB = {
    **{verb: form for form, verb in SAVE_VERBS.items()},
    "record_visit": "customer",
    "renew_policy": "policy",
    "move_deal": "deal",
    "log_conversation": "conversation",
}


def form_of(verb: str) -> str:
    """The form whose fields or files go with an operation; a conversation's when the verb has none
    of its own."""
    return FORM_OF_VERB.get(verb, "conversation")
