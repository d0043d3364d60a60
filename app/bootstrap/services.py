"""Wires the services of a gateway that write."""

from __future__ import annotations

from functools import partial
from typing import Any

from app.bootstrap.read_services import ReadingBuilder
from app.core.records import MessageBody
from app.gateway.gateway import Messaging
from app.gateway.waiting import blocking_acquire, wait_for_result
from app.services.groups.add_members import MemberAdder
from app.services.groups.invites import Invites
from app.services.groups.requests import Requests
from app.services.messaging.append_checks import AppendChecks
from app.services.messaging.append_stream import StreamAppender
from app.services.messaging.change_message import MessageEditor
from app.services.messaging.end_stream import StreamEnder
from app.services.messaging.judge_stream import StreamJudge
from app.services.messaging.mentions import MentionFinder
from app.services.messaging.message_references import ReferenceFinder
from app.services.messaging.open_direct import open_direct
from app.services.messaging.prepared import Prepared
from app.services.messaging.repeated_send import RepeatedSends
from app.services.messaging.send_checks import find_stored_ids
from app.services.messaging.send_event import EventSender
from app.services.messaging.send_message import MessageSender
from app.services.messaging.show_typing import TypingNotifier
from app.services.messaging.stream_queue import conversation_of_stream
from app.services.messaging.submit_change import ChangeSubmitter
from app.services.reading.external_ids import resolve_user_id


class ServicesBuilder(ReadingBuilder):
    def _build_messaging(self) -> None:
        settings = self._settings
        self._stored_ids = self._read_queue("ids", partial(find_stored_ids, engine=self._engine))
        self._mentions = MentionFinder(
            engine=self._engine, redis=self._redis, shards=self._shards, conversations=self._conversations
        )
        shadow: Any = {"is_shadowed": self._shadowed.knows}
        self._submitter = ChangeSubmitter(log=self._log, confirmations=self._confirmations, **shadow)
        ways: Any = {"log": self._log, "run_blocking": self._run_blocking, **shadow}
        self._messaging = Messaging(
            sender=self._build_sender(),
            editor=MessageEditor(
                engine=self._engine,
                mentions=self._mentions,
                messages=self._reading.messages,
                check_write=self._policy.check_write_if_any,
                streams=self._build_stream_ender(),
                before_send=self._hook.edits,
                acquire_edit=blocking_acquire(self._rates.edits),
                acquire_reaction=blocking_acquire(self._rates.reactions),
                **shadow,
                max_text=settings.max_text,
                edit_seconds=settings.edit_seconds,
            ),
            changes=self._submitter,
            marks=self._marks,
            typing=TypingNotifier(**ways, engine=self._engine, directs=self._directs, rate=self._rates.typing),
            events=EventSender(**ways, rate=self._rates.events, check_write=self._policy.check_write_if_any),
            streams=StreamAppender(
                engine=self._engine,
                queue=self._appends_to_streams,
                conversations=self._conversations,
                messages=self._reading.messages,
                rate=self._rates.appends,
                run_blocking=self._run_blocking,
                **shadow,
                checks=self._append_checks(),
                max_text=settings.max_text,
            ),
        )
        self._build_membership()

    def _build_stream_ender(self) -> StreamEnder:
        def add_mentions(conversation_id: int, author: int, body: MessageBody) -> None:
            self._mentions.find(conversation_id, author, body.message).add_to(body)

        return StreamEnder(
            engine=self._engine,
            shards=self._shards,
            messages=self._reading.messages,
            close=self._appends_to_streams.run,
            add_mentions=add_mentions,
            is_shadowed=self._shadowed.knows,
            judge=StreamJudge(self._hook.edits, self._shards),
            carry_out=self._carry_out,
        )

    def _append_checks(self) -> AppendChecks | None:
        check_write = self._policy.check_write_if_any
        if check_write is None:
            return None
        return AppendChecks(check_write=check_write, shards=self._shards, run_blocking=self._run_blocking)

    def _build_membership(self) -> None:
        parts: dict[str, Any] = {"engine": self._engine, "shards": self._shards, "conversations": self._conversations}
        max_members = self._settings.max_group_members
        self._requests = Requests(
            engine=self._engine, shards=self._shards, waiting=self._waiting_requests, max_members=max_members
        )
        self._invites = Invites(
            **parts,
            directs=self._directs,
            max_members=max_members,
            check_joining=self._policy.check_join,
            joined=self._requests.joined,
        )
        self._members = MemberAdder(**parts, requests=self._waiting_requests, max_members=max_members)

    def _open_direct(self, user_id: int, other: int | str) -> int:
        """Opens a direct conversation for a send. Raises NotFound for a user whom the sender may not find."""
        other_id = resolve_user_id(other, engine=self._engine)
        self._directory.check(user_id, [other_id])
        return open_direct(
            user_id,
            other_id,
            engine=self._engine,
            directs=self._directs,
            requests=self._waiting_requests,
            check_opening=self._policy.check_open_direct,
            limit_openings=self._limit_openings,
            carry_out=self._carry_out,
        )

    def _carry_out(self, prepared: Prepared) -> None:
        """Waits until the change is stored, or as long as a client waits for an ack."""
        wait_for_result(partial(self._submitter.submit, prepared), self._settings.ack_wait_seconds)

    def _build_sender(self) -> MessageSender:
        return MessageSender(
            log=self._log,
            conversations=self._conversations,
            directs=self._directs,
            epoch_of=lambda conversation_id: self._line_of(conversation_id).epoch,
            confirmations=self._confirmations,
            references=ReferenceFinder(engine=self._engine, mentions=self._mentions, messages=self._reading.messages),
            find_stored=self._stored_ids.run,
            repeated=RepeatedSends(engine=self._engine, shards=self._shards),
            stream_place=partial(conversation_of_stream, self._shards) if len(self._shards) > 1 else None,
            check_write=self._policy.check_write_if_any,
            before_send=self._hook.queue,
            open_direct=self._open_direct,
            is_shadowed=self._shadowed.knows,
            rate=self._rates.sends,
            run_blocking=self._run_blocking,
            counters=self._activity.counters,
            acks=self._activity.acks,
            max_text=self._settings.max_text,
        )
