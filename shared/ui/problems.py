"""The sentence for each problem code, in English; `problem_text` says it in the user's language."""

from shared.ui.deferred import N_

UNKNOWN = N_("Something went wrong. Please try again.")
SENTENCES = {
    "offline": N_("No connection. What you enter is kept on this device."),
    "attachment_too_large": N_("A file can be at most 20 MB."),
    "app_too_old": N_(
        "The data on this device was saved by a newer version of the app. Nothing is lost: "
        "close the app and open it again to get that version."
    ),
    "unsent_file": N_("This file contains no unsent entries from this app, or it is damaged."),
    "unsent_of_another": N_(
        "This file belongs to another person or another store. Sign in as its author to load it."
    ),
    "file_type": N_("Only photos, PDFs, audio and video can be attached."),
    "files_of_record": N_("A record can have at most 50 files."),
    "files_today": N_("Too many files for one day. Try again tomorrow."),
    "files_of_store": N_("The store's file storage is full. Ask an admin."),
    "no_sound": N_("This device cannot play this recording."),
    "no_microphone": N_("The microphone is blocked. Allow it in the phone or browser settings."),
    "signed_out": N_("Please sign in again. Nothing you entered is lost."),
    "other_user": N_(
        "The data on this device belongs to another person. Sign in again; nothing is lost."
    ),
    "invalid_credentials": N_("Wrong account or password."),
    "too_many_tries": N_("Too many attempts. Wait a few minutes."),
    "user_exists": N_("This account already exists. Sign in with its password."),
    "weak_password": N_("Choose a longer password: at least 8 characters."),
    "not_invited": N_(
        "This account does not belong to a store yet. Ask your manager for an invitation code."
    ),
    "not_saved": N_(
        "This could not be saved: the device's storage is full or cannot be written. "
        "Everything saved before is safe."
    ),
    "disabled": N_(
        "You are no longer a member of this store. Your unsent entries were given to your manager."
    ),
    "file_elsewhere": N_(
        "This file is not on this device yet. Open it once while you are online; it "
        "then stays here."
    ),
    "file_missing": N_("The file is no longer on this device."),
    "invitation_unknown": N_("This code is unknown or has expired. Ask for a new one."),
    "invitation_for_another": N_(
        "This code was made for another account. Sign in with the e-mail address or phone "
        "number it was sent to."
    ),
    "ask_an_admin": N_(
        "Your access to this store has ended. A code cannot restore it; ask an admin of the store."
    ),
    "forbidden": N_("Your role does not allow this."),
    "group_role": N_(
        "Roles for the whole group are granted by a group administrator, not in a store."
    ),
    "group_role_fixed": N_(
        "Group members have this role. Only a group member may change or remove it."
    ),
    "last_group_admin": N_("The group must have an administrator."),
    "not_found": N_("This record no longer exists, or belongs to a colleague."),
    "id_taken": N_("Already saved."),
    "invalid": N_("Please check the marked fields."),
    "required": N_("Required."),
    "item_unchecked": N_("Please tick this box."),
    "option": N_("Please choose an option from the list."),
    "type": N_("This is the wrong type of value."),
    "range": N_("This value is outside the allowed range."),
    "date": N_("This is not a date."),
    "length": N_("This text is too long."),
    "format": N_("This does not look right. Please check it."),
    "masked": N_("A masked number cannot be saved. Enter it in full."),
    "task_closed": N_("This task is already done."),
    "already_decided": N_("A colleague has already decided this."),
    "already_lent": N_("One of the two is on leave already, or makes someone's calls."),
    "own_request": N_("You cannot decide your own request."),
    "move_not_allowed": N_("The deal cannot move to this stage from here."),
    "snooze_limit": N_("This task has been postponed too often. Call, or ask your manager."),
    "due_today": N_("Your manager sent this back. It is due today."),
    "too_late": N_("You can undo for ten minutes only."),
    "changed_since": N_("This has been changed since, so it cannot be undone."),
    "not_undoable": N_("This cannot be undone."),
    "needs_approval": N_(
        "Lowering a level needs the manager's approval. Log a conversation to ask for it."
    ),
    "already_requested": N_("This was already requested and is waiting for a decision."),
    "asked_today": N_(
        "You already sent a request about this task today. Call the customer, or ask "
        "again tomorrow."
    ),
    "call_first": N_("Your manager has refused twice. Call the customer."),
    "task_stays": N_("A task is completed by a conversation or by your manager's approval."),
    "quarantine_full": N_("Too much was sent after your access ended. Talk to your manager."),
    "already_claimed": N_("A colleague already claimed this customer."),
    "claim_limit": N_("You have reached today's limit for claiming customers."),
    "claim_cooldown": N_(
        "You were this customer's owner recently and cannot claim them again yet."
    ),
    "policy_closed": N_("This policy is already closed."),
    "conflict": N_("Someone else changed the same field. Compare both before you save."),
    "quarantined": N_("Sent to a manager for a decision. Nothing is lost."),
    "transferred": N_(
        "The customer now belongs to a colleague. Your note was added to their record."
    ),
    "version_conflict": N_(
        "Someone else has published. Reload to see their changes; yours are kept here."
    ),
    "stage_in_use": N_("A stage you removed still has deals. Move them first."),
    "bad_replacement": N_("The replacement does not exist, or is of another kind. Choose again."),
    "level_in_use": N_("A level you removed still has customers. Choose their new level."),
    "pool_in_use": N_("A pool you removed still has customers. Choose where to move them."),
    "role_in_use": N_("Some members still have a role you removed."),
    "last_admin": N_("The store must have an admin."),
    "field_type_fixed": N_("A field's type cannot be changed."),
    "values_do_not_convert": N_(
        "Some records have values that do not fit the new type. The check lists them."
    ),
    "values_not_unique": N_("Some records share a value, so the field cannot be unique yet."),
    "invalid_condition": N_(
        "A condition or formula is invalid: it uses a field that is not on this "
        "form, or is not written correctly."
    ),
    "rule_field_missing": N_(
        "An active rule uses a date that is no longer on its form. Change the rule, turn "
        "it off, or add the field back."
    ),
    "too_often": N_("Too many requests. Please wait a minute."),
    "bad_pattern": N_(
        "The pattern of a field is invalid. Use only characters, [ranges] and repetitions."
    ),
    "condition_reads_hidden": N_(
        "A condition uses a field that some role cannot see. It would reveal the "
        "value to that role."
    ),
    "role_cannot_write": N_(
        "A role can create records but cannot fill in a field that the server "
        "requires. Let it write the field, or remove its permission to create "
        "records."
    ),
    "leaks": N_(
        "This cannot be published: a role would see data it has no right to. Run the "
        "access check to see where."
    ),
    "not_searchable": N_("This field cannot be filtered or sorted."),
    "too_many": N_(
        "Too many for a phone: at most 200 fields in a form, 20 stages in a pipeline and 30 roles."
    ),
    "no_open_stage": N_("A pipeline has no open stage for new deals. Add one."),
    "unknown_field": N_(
        "A stage requires a field that the deal form does not have, so no deal could enter it."
    ),
    "role_cannot_read": N_(
        "A role can move deals to a stage whose required field it cannot see. Let it "
        "read the field, or remove its permission to move deals."
    ),
    "over_budget": N_(
        "A form exceeds the store's effort budget. Shorten it, or accept the overrun when you "
        "publish."
    ),
    "base_field_missing": N_("A field that every record requires is missing from its form."),
    "field_not_shown": N_("This is not needed here."),
    "taken": N_("Another record holds this value already."),
    "invalid_config": N_("This configuration is not complete."),
    "unknown_field_key": N_("This field is not part of the form."),
    "unknown_verb": N_("The server must be updated first."),
    "operations_malformed": N_("The server could not understand this."),
    "too_many_operations": N_("Too much in one request."),
    "file_too_large": N_("The file is too large: at most 20 MB, and no more than 200 MB unpacked."),
    "file_unreadable": N_("This file cannot be read. Save it as CSV or XLSX and try again."),
    "file_empty": N_("The file has no rows below its header."),
    "too_many_rows": N_("The file has more than 100,000 rows. Split it."),
    "too_many_columns": N_("The file has more than 200 columns."),
    "duplicate_in_file": N_("An earlier row of the file is identical."),
    "key_of_another": N_(
        "An earlier row uses this number for someone with another name and phone number."
    ),
    "several_people": N_(
        "Several customers with this number could be meant. Write the full name as it is on file."
    ),
    "plate_of_another": N_("An earlier row has the same plate for another person."),
    "unclosed_quote": N_("This row has an unclosed quotation mark. Close it or remove it."),
    "error_cell": N_("The cell contains a spreadsheet error, not a value."),
    "ditto": N_("The cell points at another one (同上). Write the value itself."),
    "garbled": N_(
        "The cell contains characters that could not be read. Save the file as CSV UTF-8 or XLSX "
        "and try again."
    ),
    "extra_cells": N_(
        "This row has more cells than the header, so its values may be in the wrong columns. "
        "Put quotation marks around cells that contain the separator."
    ),
    "name_odd": N_("This may not be a name. Please check it."),
    "money_unit": N_("The amount was read in the unit that the file states."),
    "scientific": N_(
        "The number was shortened (1.38E+10) and its last digits are lost. Format "
        "the column as text and export it again."
    ),
    "separators": N_("The comma or dot in this number is ambiguous."),
    "currency": N_("This amount is in another currency."),
    "percent": N_("The percentage was read as a plain number."),
    "money_rounded": N_("The amount was rounded to whole 分."),
    "year_short": N_("The year has two digits and was read as a year of this century."),
    "phone_several": N_("The cell contains several numbers; the first was used."),
    "phone_extension": N_("The number was imported without its extension."),
    "phone_words": N_("The number was imported without the text next to it."),
    "phone_plan": N_("Not a valid number in the chosen country; kept as written."),
    "phone_zero": N_("The zero in front of the area code was added."),
    "plate_shape": N_("This does not look like a current plate."),
    "vin_letters": N_("A VIN never contains I, O or Q."),
    "vin_length": N_("A VIN has 17 characters."),
    "vin_check": N_("The check digit does not match. Compare it with the vehicle."),
    "date_order": N_(
        "Day and month may be swapped. Choose the date format of this file below the columns."
    ),
    "date_no_day": N_("The day is missing; there is only a month."),
    "date_no_year": N_("The year is missing."),
    "date_serial": N_("The spreadsheet's serial number was read as a date."),
    "date_short_year": N_("The year has two digits: please check how it was read."),
    "date_roc": N_("The year was read as a year of the Republic of China (民國)."),
    "ends_before_start": N_("The end date is before the start date."),
    "export_expired": N_("This export has expired. Please export again."),
    "import_reverted": N_("This import was reverted. Start a new import instead."),
    "own_access": N_("You cannot change your own access. Ask another admin."),
    "new_owner_required": N_(
        "Choose the new owner: this person still has customers, deals or tasks."
    ),
    "new_owner_cannot_see": N_("The new owner you chose cannot see that pool."),
    "view_as_exceeds_own_rights": N_(
        "This role can see fields that yours cannot. First give your role the same "
        "rights in Roles and rights."
    ),
    "view_as_ended": N_("The session has ended. Start again in the admin panel."),
    "view_as_read_only": N_("You are viewing as another member: nothing can be changed here."),
    "sessions_unreachable": N_(
        "This server cannot end sessions. Disable the member to end their access immediately."
    ),
    "busy": N_("The server is busy. The app will try again."),
}
