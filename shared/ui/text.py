"""Words in the language of this user: gettext catalogues, no global state (the admin is one process for many people)."""

import functools
import gettext
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import flet as ft

from shared.domain.labels import Label, label_text, money_text

LANGUAGES = {"zh_CN": "简体中文", "zh_TW": "繁體中文", "en": "English"}
LOCALE = Path(__file__).parent / "locale"
WEEKDAYS = {"zh_CN": "一二三四五六日", "zh_TW": "一二三四五六日"}


@functools.cache
def _catalogue(language: str) -> gettext.NullTranslations:
    return gettext.translation("forecourt", LOCALE, [language])


@dataclass(frozen=True)
class Texts:
    """One language, and the names its user knows. Called with an English phrase it answers the user's; `_ = use_text()` keeps extraction simple."""

    language: str = "zh_CN"
    people: Mapping[str, str] = field(default_factory=dict, hash=False)  # names of the store's members by id, where they are known

    def __call__(self, phrase: str) -> str:
        return _catalogue(self.language).gettext(phrase)

    def many(self, one: str, several: str, n: int) -> str:
        return _catalogue(self.language).ngettext(one, several, n) % {"n": n}

    def label(self, label: Label | None) -> str:
        """What the store wrote, in this language."""
        return label_text(label, self.language)

    def money(self, fen: int | None) -> str:
        """分, as this language writes sums."""
        return money_text(fen, self.language)

    def day(self, day: date | None, today: date) -> str:
        """今天, 明天, 昨天, else 11月24日 周二 (with the year when it is another one)."""
        _ = self
        if day is None:
            return _("No date")
        near = {0: _("Today"), 1: _("Tomorrow"), -1: _("Yesterday")}.get((day - today).days)
        if near:
            return near
        if self.language == "en":
            return f"{day:%a} {day.day} {day:%b}" + (f" {day.year}" if day.year != today.year else "")
        year = f"{day.year}年" if day.year != today.year else ""
        return f"{year}{day.month}月{day.day}日 周{WEEKDAYS[self.language][day.weekday()]}" if not year else f"{year}{day.month}月{day.day}日"


TextContext = ft.create_context(Texts())


def use_text() -> Texts:
    """The words of the user who sees this component."""
    return ft.use_context(TextContext)


def flutter_locale(language: str) -> ft.LocaleConfiguration:
    """What Flutter's own widgets (the calendar, 返回) speak."""
    places = {"zh_CN": ft.Locale("zh", "CN", "Hans"), "zh_TW": ft.Locale("zh", "TW", "Hant"), "en": ft.Locale("en")}
    supported = [ft.Locale("zh"), ft.Locale("zh", script_code="Hans"), ft.Locale("zh", script_code="Hant"), *places.values()]
    return ft.LocaleConfiguration(current_locale=places[language], supported_locales=supported)


def problem_text(_: Texts, code: str, field: str | None = None) -> str:
    """The sentence for a code of supabase/error_codes.md; with a field's label in front when one is known."""
    sentences = {
        "offline": _("No connection. What you enter is kept on this device."),
        "attachment_too_large": _("At most 20 MB."),
        "no_sound": _("This device cannot play this recording."),
        "no_microphone": _("The microphone may not be used. Allow it in the settings of the phone or the browser."),
        "signed_out": _("Please sign in again. Nothing you entered is lost."),
        "invalid_credentials": _("The account or the password is wrong."),
        "too_many_tries": _("Too many tries. Please wait a few minutes."),
        "user_exists": _("This account exists already. Sign in with its password."),
        "weak_password": _("Choose a longer password: at least 8 characters."),
        "not_invited": _("This account belongs to no store yet. Ask your manager for an invitation code."),
        "not_saved": _("This could not be saved: the device's storage is full or cannot be written. Everything saved before is safe."),
        "disabled": _("You are no longer a member of this store. What you had not sent was given to your manager."),
        "file_elsewhere": _("This file is not on this device yet. Open it once with a network; after that it is here."),
        "file_missing": _("The file is not on this device any more."),
        "invitation_unknown": _("This code is unknown or has expired. Ask for a new one."),
        "forbidden": _("Your role may not do this."),
        "not_found": _("This record is not here any more, or belongs to a colleague."),
        "id_taken": _("This was saved before."),
        "invalid": _("Please check the marked fields."),
        "required": _("Please fill this in."),
        "unchecked": _("Please tick this."),
        "option": _("Please choose one of the list."),
        "type": _("This is not the kind of value expected here."),
        "range": _("This value is outside the allowed range."),
        "date": _("This is not a date."),
        "length": _("This text is too long."),
        "format": _("This does not look right. Please check it."),
        "masked": _("A hidden number cannot be saved. Type it in full."),
        "task_closed": _("This task is finished already."),
        "already_decided": _("A colleague has decided this already."),
        "own_request": _("Someone else must decide your own request."),
        "move_not_allowed": _("The deal cannot move to this stage from here."),
        "snooze_limit": _("This task was put off too often. Call, or ask the manager."),
        "due_today": _("The manager sent this back: it is to be done today."),
        "too_late": _("Undo is possible for ten minutes only."),
        "changed_since": _("Someone has changed this since; it cannot be undone."),
        "not_undoable": _("This cannot be undone."),
        "needs_approval": _("Lowering a level needs the manager's approval. Log a conversation to ask for it."),
        "already_asked": _("This was asked for already and waits for a decision."),
        "claim_gone": _("A colleague was quicker."),
        "claim_limit": _("You have claimed as many as the store allows for today."),
        "claim_again": _("You looked after this customer lately and cannot claim him again yet."),
        "policy_closed": _("What became of this policy is written already."),
        "conflict": _("Someone else changed the same field. Look at both before you save."),
        "held": _("Kept for a manager to decide. Nothing is lost."),
        "handed_over": _("The customer belongs to a colleague now. Your note was passed on."),
        "version_conflict": _("Someone else published meanwhile. Reload to see the changes; yours are kept here."),
        "stage_in_use": _("Deals stand at a stage you removed. Move them first."),
        "bad_successor": _("Where the records should go is not there, or of another kind. Choose anew."),
        "level_in_use": _("Customers stand at a level you removed. Choose which level they get."),
        "pool_in_use": _("Customers are in a pool you removed. Choose where they go."),
        "role_in_use": _("Members still have a role you removed."),
        "last_admin": _("The store would be without an admin."),
        "field_type_fixed": _("The type of a field cannot change."),
        "values_do_not_convert": _("Some records hold values that do not fit the new type. The check lists them."),
        "values_not_unique": _("Some records hold the same value, so the field cannot be unique yet."),
        "bad_condition": _("A condition or formula cannot be judged: it names no field of this form or is built wrongly."),
        "reads_hidden": _("A condition looks at a field that some role may not see. That would tell the role what it holds."),
        "cannot_fill": _(
            "A role may make records but may not fill a field the server needs. Let it write the field, or take away its right to make records."
        ),
        "leaks": _("A role would see what it may not, so this cannot be published. Run the proof to see where."),
        "not_searchable": _("One cannot filter or sort by this field."),
        "too_many": _("More than a phone can show: at most 200 fields in a form, 20 stages in a pipeline, 30 roles."),
        "no_open_stage": _("A pipeline has no open stage. A deal must begin somewhere."),
        "unknown_field": _("A stage asks for a field that the deal form does not have. No deal could enter it."),
        "stage_blind": _(
            "A role may move deals to a stage whose required field it may not see. Let it read the field, or take away its right to move deals."
        ),
        "over_budget": _("A form costs more than the store's tap budget allows. Make it shorter, or agree to it when you publish."),
        "needed_field": _("A field that every record needs is missing from its form."),
        "not_shown": _("This is not asked for here."),
        "taken": _("Another record holds this value already."),
        "invalid_config": _("This configuration is not complete."),
        "unknown_key": _("This field is not part of the form."),
        "unknown_verb": _("This app is too new for the server."),
        "ops_malformed": _("The server could not read this."),
        "ops_too_many": _("Too much at once."),
        "file_too_large": _("The file is too large: at most 20 MB, and no more than 200 MB unpacked."),
        "file_unreadable": _("This file cannot be read. Save it as CSV or XLSX and try again."),
        "upload_broken": _("The file did not arrive: the connection broke on the way. Choose it again."),
        "file_empty": _("The file holds no rows below its headings."),
        "too_many_rows": _("The file has more than 100,000 rows. Split it."),
        "too_many_columns": _("The file has more than 200 columns."),
        "duplicate_in_file": _("An earlier row of the file says the same."),
        "import_reverted": _("This import was taken back. Start it anew as a new import."),
        "own_access": _("Nobody changes his own access. Ask another admin."),
        "heir_needed": _("Choose who takes over: this person still has customers, deals or calls."),
        "heir_cannot_see": _("The person you chose for the calls does not see that pool."),
        "sees_more": _("This role sees fields that yours does not. Give your role the same first, in Roles and rights."),
        "seeing_over": _("The look has ended. Begin again in the panel."),
        "looking_only": _("You are only looking: nothing can be changed here."),
        "sessions_unreachable": _("This server does not let us end sessions. Disabling ends the access at once."),
        "busy": _("The server is busy. It will be tried again."),
    }
    sentence = sentences.get(code) or _("Something went wrong. Please try again.")
    return f"{field}: {sentence}" if field else sentence
