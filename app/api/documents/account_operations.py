"""The REST operations of search, blocks, reports and one's own data."""

from __future__ import annotations

from app.api.documents.operation import LIMITED, MESSAGES, MISSING, PEOPLE, TAKEN, Answered, Operation
from app.api.message_changes import WhichQuery
from app.api.reports import ReportsQuery
from app.api.search import SearchQuery
from app.core import errors
from app.core.accounts import DeleteAccount, DeletionTaken, ExportView, UserList
from app.core.reports import Report, ReportList, ReportMessage, ReportPatch, ReportTaken
from app.core.search import FoundMessages

OWN_DATA, ADMINISTRATION = "Own data", "Administration"

ACCOUNT_OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "GET",
        "/api/v1/search",
        "searchMessages",
        "Messages of one's own conversations by their words, newest first",
        MESSAGES,
        {200: Answered("A page of them", FoundMessages)},
        query=SearchQuery,
        errors=(MISSING,),
    ),
    Operation(
        "GET",
        "/api/v1/blocks",
        "listBlocked",
        "Whom one has blocked, the newest first",
        PEOPLE,
        {200: Answered("At most 1,000", UserList)},
    ),
    Operation(
        "PUT",
        "/api/v1/blocks/{userId}",
        "blockUser",
        "Not to hear from somebody any more; they are not told",
        PEOPLE,
        {204: Answered("Blocked, perhaps before")},
        errors=(MISSING, LIMITED, errors.Invalid),
    ),
    Operation(
        "DELETE",
        "/api/v1/blocks/{userId}",
        "unblockUser",
        "Hear from somebody again",
        PEOPLE,
        {204: Answered("Not blocked, perhaps never")},
        errors=(LIMITED,),
    ),
    Operation(
        "POST",
        "/api/v1/messages/{messageId}/report",
        "reportMessage",
        "Tell the administrators of a message; its text is kept with the report",
        MESSAGES,
        {201: Answered("The report; the first one where it is repeated", ReportTaken)},
        body=ReportMessage,
        query=WhichQuery,
        errors=(MISSING, errors.Forbidden, LIMITED),
    ),
    Operation(
        "GET",
        "/api/v1/admin/reports",
        "listReports",
        "Reports in one state, the oldest first; for administrators, to others there is nothing here",
        ADMINISTRATION,
        {200: Answered("A page of them", ReportList)},
        query=ReportsQuery,
        errors=(MISSING,),
    ),
    Operation(
        "PATCH",
        "/api/v1/admin/reports/{reportId}",
        "handleReport",
        "Move a report on: open, reviewing, then resolved or dismissed",
        ADMINISTRATION,
        {200: Answered("The report as it now is", Report)},
        body=ReportPatch,
        errors=(MISSING, TAKEN, LIMITED),
    ),
    Operation(
        "DELETE",
        "/api/v1/me",
        "deleteMe",
        "Delete one's account; with the password, where it has one",
        OWN_DATA,
        {202: Answered("Nobody can sign in any more; the rest follows", DeletionTaken)},
        body=DeleteAccount,
        errors=(errors.Forbidden, LIMITED),
    ),
    Operation(
        "POST",
        "/api/v1/me/export",
        "exportMyData",
        "Have one's data written into a file; the one in the making, where there is one",
        OWN_DATA,
        {202: Answered("In the making", ExportView)},
        errors=(LIMITED,),
    ),
    Operation(
        "GET",
        "/api/v1/me/exports/{exportId}",
        "showExport",
        "How an export goes",
        OWN_DATA,
        {200: Answered("The export", ExportView)},
        errors=(MISSING,),
    ),
    Operation(
        "GET",
        "/api/v1/me/exports/{exportId}/file",
        "readExport",
        "The file: lines of JSON; `type` is profile, block, conversation or message",
        OWN_DATA,
        {200: Answered("Lines of JSON", str, "application/x-ndjson")},
        errors=(MISSING,),
    ),
)
