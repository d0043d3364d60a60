"""The Flask extension: tokens for your users, webhooks as signals, the widget, and the outbox.

parley = ParleyExtension(app)
parley.token_for(current_user)
parley.outbox(db.session).send("Your order is on its way", conversation="order-1")
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from flask import Flask, current_app
from sqlalchemy import Engine, MetaData

from parley_sdk.before_send import Decide
from parley_sdk.calls import UNSET
from parley_sdk.errors import NotFound
from parley_sdk.flask.blueprint import make_blueprint
from parley_sdk.flask.commands import parley_group
from parley_sdk.flask.signals import signal_for, webhook_received
from parley_sdk.flask.state import EXTENSION, current_state, make_state
from parley_sdk.models import Tokens
from parley_sdk.outbox import Outbox, Relay, SessionOutbox
from parley_sdk.server import ParleyServer

__all__ = ["ParleyExtension", "signal_for", "webhook_received"]


class ParleyExtension:
    """Parley in a Flask application.

    ``metadata`` gets the table of the outbox: pass that of your models (``db.metadata``). ``engine`` returns the engine
    of the database with that table, for the relay; by default it is that of Flask-SQLAlchemy, or of
    ``PARLEY_OUTBOX_DATABASE_URL``.
    """

    def __init__(
        self,
        app: Flask | None = None,
        *,
        metadata: MetaData | None = None,
        engine: Callable[[], Engine] | None = None,
    ) -> None:
        self._outbox = Outbox(metadata, on_commit=self._committed)
        self._engine = engine
        self._id_of: Callable[[Any], Any] = _id_of
        self._fields_of: Callable[[Any], dict[str, Any]] = lambda _: {}
        self._current_user: Callable[[], Any] = _flask_login_user
        self._on_commit: Callable[[], None] | None = None
        self._decide: Decide | None = None
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Reads the configuration, and adds the routes and `flask parley`.

        Raises RuntimeError for a missing or wrong setting.
        """
        app.extensions[EXTENSION] = make_state(app, self, self._outbox.table, self._engine)
        app.cli.add_command(parley_group)
        app.register_blueprint(make_blueprint(), url_prefix=app.config["PARLEY_URL_PREFIX"])

    # -- decorators --------------------

    def user_id(self, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """The function returns your id of a user. By default it is ``get_id()`` (Flask-Login) or ``id``."""
        self._id_of = function
        return function

    def user_fields(self, function: Callable[[Any], dict[str, Any]]) -> Callable[[Any], dict[str, Any]]:
        """The function returns the profile of a user for Parley: the arguments of ``users.put``."""
        self._fields_of = function
        return function

    def current_user(self, function: Callable[[], Any]) -> Callable[[], Any]:
        """The function returns who is signed in, or None. By default it is Flask-Login's ``current_user``."""
        self._current_user = function
        return function

    def on_commit(self, function: Callable[[], None]) -> Callable[[], None]:
        """The function starts a relay after a commit, in place of the thread of this process."""
        self._on_commit = function
        return function

    def before_send(self, function: Decide) -> Decide:
        """The function decides about each message before Parley sends it: see ``parley_sdk.before_send``."""
        self._decide = function
        return function

    # -- use --------------------

    @property
    def server(self) -> ParleyServer:
        """The client of the server API."""
        return current_state().server

    @property
    def relay(self) -> Relay:
        """A relay of the outbox."""
        return current_state().relay

    @property
    def outbox_table(self) -> Any:
        return self._outbox.table

    def outbox(self, session: Any) -> SessionOutbox:
        """Returns the outbox of a session. Its messages share the fate of the session's transaction."""
        return self._outbox(session)

    def token_for(self, user: Any, *, expires_in: int | None = None) -> str:
        """Creates or updates the user, and returns an access token."""
        return self.tokens_for(user, expires_in=expires_in)["accessToken"]

    def tokens_for(self, user: Any, *, expires_in: int | None = None, refresh: bool = False) -> Tokens:
        """Returns new tokens of the user. Creates the user, and writes the fields of ``user_fields``."""
        external_id, fields = self.id_of(user), self._fields_of(user)
        options: Any = {"refresh": refresh, "expires_in": UNSET if expires_in is None else expires_in}
        if fields:
            self.server.users.put(external_id, **fields)
        try:
            return self.server.users.issue_tokens(external_id, **options)
        except NotFound:
            if fields:
                raise
            self.server.users.put(external_id)
            return self.server.users.issue_tokens(external_id, **options)

    def id_of(self, user: Any) -> str:
        """Returns your id of the user, as a text. Raises ValueError for a user without one."""
        external_id = self._id_of(user)
        if external_id is None or external_id == "":
            raise ValueError("This user has no id.")
        return str(external_id)

    def signed_in_user(self) -> Any:
        """Returns who is signed in, or None."""
        return self._current_user()

    @property
    def decide(self) -> Decide | None:
        """The function that ``before_send`` has registered."""
        return self._decide

    def _committed(self) -> None:
        if self._on_commit is not None:
            self._on_commit()
        elif current_app and EXTENSION in current_app.extensions:
            current_state().background.wake()


def _id_of(user: Any) -> Any:
    return user.get_id() if hasattr(user, "get_id") else user.id


def _flask_login_user() -> Any:
    try:
        user = import_module("flask_login").current_user
    except ImportError:
        raise RuntimeError("Install Flask-Login, or register a function by @parley.current_user.") from None
    return user if user.is_authenticated else None
