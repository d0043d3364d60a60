"""Builds the Flask application from a container."""

from __future__ import annotations

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from app import cli, logs
from app.api import (
    accounts,
    assets,
    audit,
    auth,
    avatars,
    blocks,
    client_files,
    compressed,
    contact_requests,
    conversations,
    emails,
    embed,
    headers,
    health,
    invites,
    jwt_manager,
    local_media,
    media,
    members,
    message_changes,
    messages,
    metrics,
    own_views,
    page,
    path_ids,
    push,
    reports,
    requests,
    search,
    second_factors,
    server_limits,
    streams,
    suspensions,
    users,
)
from app.api.documents import views as documents
from app.api.server import conversations as server_conversations
from app.api.server import imports as server_imports
from app.api.server import messages as server_messages
from app.api.server import paths as server_paths
from app.api.server import streams as server_streams
from app.api.server import users as server_users
from app.api.server import webhooks as server_webhooks
from app.applications import add_application
from app.bootstrap import build_web_container
from app.config import Settings, check_settings, read_settings
from app.errors_http import install_error_handlers
from app.transports import routes
from app.transports.plain_door import OUTERMOST

MAX_JSON_BYTES = 256 * 1024


def build_app(settings: Settings | None = None, *, configure_logging: bool = True) -> Flask:
    if settings is None:
        settings = read_settings()
    else:
        check_settings(settings)
    if configure_logging:
        logs.configure(settings)
    app = Flask("app", static_folder=None, template_folder="web/templates")
    app.config["MAX_CONTENT_LENGTH"] = MAX_JSON_BYTES
    app.url_map.merge_slashes = False  # a path with "//" is not found, instead of a redirect that no document names
    app.extensions["parley"] = container = build_web_container(settings)
    path_ids.install(app)
    server_paths.install(app)
    install_error_handlers(app)
    jwt_manager.install(app, settings)
    requests.install(app)
    compressed.install(app)
    headers.install(app, settings)
    metrics.install(app)
    cli.install(app)
    register_blueprints(app)
    add_application(app)
    if container.gateway is not None:
        routes.install(app, container, container.gateway)
    trust_proxies(app, settings.trusted_proxies)  # last: all other middleware sees the client's address
    app.extensions[OUTERMOST] = app.wsgi_app
    return app


def register_blueprints(app: Flask) -> None:
    for part in (
        auth,
        users,
        messages,
        message_changes,
        streams,
        conversations,
        members,
        own_views,
        invites,
        contact_requests,
        search,
        blocks,
        reports,
        audit,
        avatars,
        suspensions,
        accounts,
        emails,
        second_factors,
        media,
        local_media,
        push,
        server_streams,
        server_users,
        server_conversations,
        server_messages,
        server_webhooks,
        server_imports,
        health,
        server_limits,
        metrics,
        documents,
        client_files,
        assets,
        page,
        embed,
    ):
        app.register_blueprint(part.blueprint)


def trust_proxies(app: Flask, count: int) -> None:
    """Trusts as many ``X-Forwarded-For`` entries, from the right, as there are proxies of our own.

    A proxy appends to the address list, but overwrites the scheme: only one value of that is used. The forwarded host
    is not trusted, because routers (Heroku's among them) pass on any host that a client sends.
    """
    if count:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=1, x_host=0)  # type: ignore[method-assign]
