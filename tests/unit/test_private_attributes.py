"""Each test uses an attribute that its library does not document, and fails when the attribute is gone.

docs/how-to/upgrade-a-dependency.md lists them, and the last test compares that page with this file.
"""

from __future__ import annotations

import inspect
import re
import socket
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cloudinary
import cloudinary.utils
import gevent
import honcho.manager
import http_ece
import jwt
import psycopg
import pywebpush
import redis
import requests
import simple_websocket
import urllib3
from billiard import active_children
from celery import Celery
from celery.beat import ScheduleEntry, Scheduler
from celery.concurrency.base import BasePool
from celery.worker import components
from firebase_admin import _http_client, messaging
from flask import Flask
from flask_sock import Sock
from flask_sse import ServerSentEventsBlueprint
from gevent.baseserver import BaseServer
from gevent.hub import Waiter
from gevent.monkey import get_original
from gevent.server import StreamServer
from gunicorn import sock
from gunicorn.arbiter import Arbiter
from gunicorn.config import Config
from gunicorn.http.body import Body, LengthReader
from gunicorn.http.unreader import IterUnreader, SocketUnreader
from gunicorn.http.wsgi import default_environ
from gunicorn.workers.base import Worker
from gunicorn.workers.base_async import AsyncWorker
from gunicorn.workers.ggevent import GeventWorker
from redis.commands.core import Script
from requests.adapters import HTTPAdapter
from sqlalchemy.pool import QueuePool
from urllib3.connection import HTTPConnection, HTTPSConnection
from werkzeug.sansio import multipart

from app.push.vapid import make_private_key, public_key_of

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/how-to/upgrade-a-dependency.md").read_text()


def parameters(function: Any) -> set[str]:
    return set(inspect.signature(function).parameters)


# --- gunicorn


def test_gunicorn_passes_the_socket_in_the_environ():
    request = SimpleNamespace(body=BytesIO(), method="GET", query="", uri="/", version=(1, 1))
    client = object()
    assert default_environ(request, client, Config())["gunicorn.socket"] is client


def test_gunicorn_returns_the_bytes_behind_a_request():
    unreader = IterUnreader(iter([b"body and frame"]))
    body = Body(LengthReader(unreader, 4))
    assert body.read() == b"body"
    assert body.reader.unreader.take_buffered() == b" and frame"


def test_gunicorn_bounds_a_read_by_max_body_chunk(monkeypatch: Any):
    monkeypatch.setattr(SocketUnreader, "max_body_chunk", 64 * 1024)
    sizes: list[int] = []
    SocketUnreader(SimpleNamespace(recv=lambda size: sizes.append(size) or b"")).chunk(1024 * 1024)
    assert sizes == [64 * 1024]


def test_gunicorn_ends_a_connection_at_stop_iteration():
    assert "except StopIteration as e:" in inspect.getsource(AsyncWorker.handle)
    assert re.search(r"except StopIteration:\s+raise", inspect.getsource(AsyncWorker.handle_request))


def test_gunicorn_arbiter_exposes_listeners_to_hooks():
    assert Arbiter.LISTENERS == []
    assert sock.TCPSocket.FAMILY == socket.AF_INET
    assert sock.TCP6Socket.FAMILY == socket.AF_INET6
    assert "self.sock = " in inspect.getsource(sock.BaseSocket.__init__)


def test_gunicorn_worker_has_alive_and_its_application():
    source = inspect.getsource(Worker.__init__)
    assert "self.alive = True" in source
    assert "self.app = app" in source


def test_gunicorn_stops_at_the_boot_error_status():
    assert Arbiter.WORKER_BOOT_ERROR == 3


def test_gunicorn_reaps_workers_while_it_stops():
    assert list(inspect.signature(Arbiter.stop).parameters) == ["self", "graceful"]
    assert "self.stop()" in inspect.getsource(Arbiter.halt)
    assert "self.reap_workers()" in inspect.getsource(Arbiter.stop)
    assert "raise HaltServer(reason, self.WORKER_BOOT_ERROR)" in inspect.getsource(Arbiter.reap_workers)


def test_gunicorn_makes_servers_by_server_class():
    source = inspect.getsource(GeventWorker.run)
    assert re.search(r"server = self\.server_class\(\s*s, application=self\.wsgi, spawn=pool,", source)
    assert "**ssl_args)" in source
    assert 'ssl_args = {"ssl_context": ssl_context(self.cfg)}' in source
    assert re.search(r"with self\.timeout_ctx\(\):\s+req = next\(parser\)", inspect.getsource(AsyncWorker.handle))


# --- redis-py


def test_redis_client_keeps_one_connection():
    source = inspect.getsource(redis.Redis.__init__)
    assert "self.connection = self.connection_pool.get_connection()" in source
    assert {"connection_pool", "single_connection_client"} <= parameters(redis.Redis.__init__)
    assert "self.response_callbacks[command_name](response, **options)" in inspect.getsource(redis.Redis.parse_response)


def test_redis_connection_has_a_parser_that_reads_answers():
    source = inspect.getsource(redis.Connection.read_response)
    assert "self._parser.read_response(" in source
    assert "self.next_health_check = time.monotonic() + self.health_check_interval" in source
    assert list(parameters(redis.Connection.send_packed_command))
    assert "self._sock.sendall(item)" in inspect.getsource(redis.Connection.send_packed_command)


def test_redis_connection_reads_without_disconnecting():
    assert "push_request" in parameters(redis.Connection.read_response)
    assert 'kwargs.get("check_health"' in inspect.getsource(redis.Connection.send_command)


def test_redis_pubsub_exposes_its_connection():
    pubsub = redis.Redis.from_url("redis://127.0.0.1:1").pubsub()
    assert pubsub.connection is None


def test_redis_scripts_are_in_commands_core():
    assert callable(Script)
    assert {"registered_client", "script"} <= parameters(Script.__init__)


# --- firebase-admin


def test_firebase_has_a_messaging_service_per_app():
    assert parameters(messaging._get_messaging_service) == {"app"}


def test_firebase_service_has_a_client_and_an_address():
    source = inspect.getsource(messaging._MessagingService.__init__)
    assert "self._client = " in source
    assert "self._fcm_url = " in source
    assert isinstance(_http_client.HttpClient().session, requests.Session)
    assert "self._fcm_url" in inspect.getsource(messaging._MessagingService.send_each)


def test_firebase_message_takes_a_token_as_attribute():
    message = messaging.Message(data={"a": "b"})
    message.token = "a-token"
    assert messaging._MessagingService.encode_message(message)["token"] == "a-token"


def test_firebase_message_checks_itself_as_text():
    message = messaging.Message(data={"a": "b"})
    message.token = 7
    try:
        str(message)
    except ValueError:
        return
    raise AssertionError("str() no longer encodes the message")


# --- urllib3, requests


def test_urllib3_connections_are_made_by_new_conn():
    connection = HTTPConnection("example.org.")
    assert connection._dns_host == "example.org."
    assert HTTPSConnection._new_conn is HTTPConnection._new_conn
    assert "self._new_conn()" in inspect.getsource(HTTPConnection.connect)


def test_urllib3_pools_are_chosen_by_scheme():
    assert urllib3.PoolManager().pool_classes_by_scheme["https"].ConnectionCls is HTTPSConnection


def test_requests_adapter_makes_its_pool_manager():
    assert isinstance(HTTPAdapter().poolmanager, urllib3.PoolManager)


def test_requests_response_takes_its_content():
    response = requests.Response()
    response._content = b"body"
    assert response.content == b"body"


# --- psycopg, gevent, Celery


def test_psycopg_waits_in_python_under_gevent():
    assert callable(psycopg.waiting.wait)
    assert {"gen", "interval", "timeout"} <= parameters(psycopg.Connection.wait)


def test_gevent_loop_has_watchers_and_callbacks():
    loop = gevent.get_hub().loop
    for name in ("io", "timer", "run_callback"):
        assert callable(getattr(loop, name))
    assert get_original("socket", "socket") is not None


def test_gevent_server_handles_what_it_reads():
    source = inspect.getsource(BaseServer._do_read)
    assert "args = self.do_read()" in source
    assert "self.do_handle(*args)" in source
    assert "sock._accept()" in inspect.getsource(StreamServer.do_read)
    assert callable(Waiter().switch)


def test_pyjwt_verifies_by_the_algorithm_of_a_key():
    source = inspect.getsource(jwt.PyJWS._verify_signature)
    assert "alg_obj = key.Algorithm" in source
    assert "prepared_key = alg_obj.prepare_key(key.key)" in source
    assert "alg_obj.verify(signing_input, prepared_key, signature)" in source


def test_billiard_lists_pool_processes():
    assert active_children() == []


def test_celery_beat_sorts_its_entries_anew():
    """tests/unit/test_beat_scheduler.py shows the effect."""
    scheduler = Scheduler(Celery("test", set_as_current=False), schedule={}, lazy=True)
    assert scheduler.old_schedulers is None
    assert hasattr(ScheduleEntry(schedule=3.0, app=scheduler.app), "last_run_at")


def test_celery_reads_the_size_of_the_pool_when_it_makes_it():
    """tests/unit/test_pool_growth.py shows the effect."""
    assert "procs = w.min_concurrency" in inspect.getsource(components.Pool.create)
    assert "w.max_concurrency" in inspect.getsource(components.Consumer.create)
    assert callable(BasePool.maintain_pool)


def test_sqlalchemy_pool_returns_connections_to_a_stack():
    pool = QueuePool(SimpleNamespace, pool_size=2, max_overflow=0, use_lifo=True)
    assert (len(pool._pool.queue), pool._overflow) == (0, -2)
    assert hasattr(pool._pool, "mutex")
    assert pool._dec_overflow()
    assert pool._overflow == -3
    assert callable(QueuePool._do_return_conn)


# --- Flask extensions


def test_flask_sock_passes_options_to_flask_routes():
    app = Flask(__name__)
    flask_sock = Sock(app)
    assert flask_sock.app is app
    assert flask_sock.bp is None


def test_simple_websocket_server_has_a_socket_and_a_buffer():
    source = inspect.getsource(simple_websocket.ws.Base)
    for used in ("self.sock = sock", "self.sock.send(", "self.input_buffer.append(", "selectors.EVENT_READ"):
        assert used in source
    assert {"path", "bp"} <= parameters(Sock.route)


def test_flask_sse_blueprint_has_the_members_that_we_replace():
    for name in ("redis", "publish", "messages", "stream"):
        assert hasattr(ServerSentEventsBlueprint, name)


# --- Cloudinary and development tools


def test_cloudinary_names_its_certificates():
    assert "ca_certs" in cloudinary.CERT_KWARGS


def test_cloudinary_signs_and_builds_addresses():
    account = {"cloud_name": "cloud", "api_key": "key", "api_secret": "secret"}
    api = "https://api.cloudinary.com/v1_1/cloud"
    assert cloudinary.utils.base_api_url(["resources", "image"], **account) == f"{api}/resources/image"
    assert cloudinary.utils.cloudinary_api_url("upload", resource_type="raw", **account) == f"{api}/raw/upload"
    signed = cloudinary.utils.sign_request({"public_id": "a", "timestamp": 1}, account)
    assert signed.keys() == {"public_id", "timestamp", "signature", "api_key"}
    download = cloudinary.utils.private_download_url("a", "jpg", expires_at=9, resource_type="image", **account)
    assert download.startswith(f"{api}/image/download?")
    assert "expires_at=9" in download


def test_pywebpush_takes_a_session_and_a_timeout():
    sent: dict[str, Any] = {}
    session = SimpleNamespace(post=lambda url, **options: sent.update(options, url=url) or requests.Response())
    keys = {"p256dh": public_key_of(make_private_key()), "auth": "A" * 22}
    pusher = pywebpush.WebPusher({"endpoint": "https://push.example/1", "keys": keys}, requests_session=session)
    assert isinstance(pusher.send(b"text", {"Topic": "t"}, ttl=60, timeout=3.0), requests.Response)
    assert (sent["url"], sent["timeout"]) == ("https://push.example/1", 3.0)
    assert (sent["headers"]["ttl"], sent["headers"]["topic"]) == ("60", "t")
    assert b"text" not in sent["data"]
    assert issubclass(http_ece.ECEException, Exception)


def test_werkzeug_decodes_a_form_event_by_event():
    decoder = multipart.MultipartDecoder(b"x", max_form_memory_size=100, max_parts=2)
    decoder.receive_data(b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x--\r\n')
    decoder.receive_data(None)
    events = []
    while not events or not isinstance(events[-1], multipart.Epilogue):
        events.append(decoder.next_event())
    assert [type(event).__name__ for event in events] == ["Preamble", "Field", "Data", "Epilogue"]
    assert (events[2].data, events[2].more_data) == (b"b", False)


def test_honcho_manager_can_be_extended():
    manager = honcho.manager.Manager()
    assert manager._processes == {}
    assert manager._all_started() is True
    assert manager._any_stopped() is False
    assert honcho.manager.KILL_WAIT
    assert honcho.manager.SYSTEM_PRINTER_NAME


def test_wheels_of_the_stores_have_their_programs():
    from dev import embedded_postgres, embedded_valkey

    assert (embedded_postgres.BIN / "initdb").exists()
    assert Path(embedded_valkey.get_binary_path()).exists()


# --- The page


def test_page_names_every_test_of_this_file_and_no_other():
    tests = set(re.findall(r"^def (test_(?!page)\w+)", Path(__file__).read_text(), re.MULTILINE))
    assert set(re.findall(r"`(test_\w+)`", PAGE)) == tests
