"""The REST operations for search, blocks, reports and your own data."""

from __future__ import annotations

from app.api.audit import AuditQuery
from app.api.message_changes import WhichQuery
from app.api.operation import CONVERSATIONS, LIMITED, MESSAGES, MISSING, PEOPLE, TAKEN, Answered, Operation
from app.api.reports import ReportsQuery
from app.api.search import SearchQuery
from app.core import errors
from app.core.accounts import DeleteAccount, DeletionTaken, ExportView, Profile, SuspendUser, SuspensionView, UserList
from app.core.answers import Conversation
from app.core.audit import AuditPage
from app.core.avatars import AvatarForm
from app.core.reports import Report, ReportList, ReportMessage, ReportPatch, ReportTaken
from app.core.search import FoundMessages

OWN_DATA, ADMINISTRATION = "Own data", "Administration"

ACCOUNT_OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "GET",
        "/api/v1/search",
        "searchMessages",
        "Search the messages of your conversations, newest first",
        MESSAGES,
        {200: Answered("A page of messages", FoundMessages)},
        query=SearchQuery,
        errors=(MISSING,),
    ),
    Operation(
        "GET",
        "/api/v1/blocks",
        "listBlocked",
        "List the users that you have blocked, newest first",
        PEOPLE,
        {200: Answered("At most 1,000 users", UserList)},
    ),
    Operation(
        "PUT",
        "/api/v1/blocks/{userId}",
        "blockUser",
        "Block a user. The user is not notified",
        PEOPLE,
        {204: Answered("The user is blocked; also if the user already was")},
        errors=(MISSING, LIMITED, errors.Invalid),
    ),
    Operation(
        "DELETE",
        "/api/v1/blocks/{userId}",
        "unblockUser",
        "Unblock a user",
        PEOPLE,
        {204: Answered("The user is not blocked; also if the user never was")},
        errors=(LIMITED,),
    ),
    Operation(
        "POST",
        "/api/v1/messages/{messageId}/report",
        "reportMessage",
        "Report a message to the administrators. The report keeps the text of the message",
        MESSAGES,
        {201: Answered("The report; if you repeat it, the first one", ReportTaken)},
        body=ReportMessage,
        query=WhichQuery,
        errors=(MISSING, errors.Forbidden, LIMITED),
    ),
    Operation(
        "GET",
        "/api/v1/admin/reports",
        "listReports",
        "List the reports in one state, oldest first. Only for administrators; other users get 404",
        ADMINISTRATION,
        {200: Answered("A page of reports", ReportList)},
        query=ReportsQuery,
        errors=(MISSING,),
    ),
    Operation(
        "PATCH",
        "/api/v1/admin/reports/{reportId}",
        "handleReport",
        "Change the state of a report: from open to reviewing, then to resolved or dismissed",
        ADMINISTRATION,
        {200: Answered("The changed report", Report)},
        body=ReportPatch,
        errors=(MISSING, TAKEN, LIMITED),
    ),
    Operation(
        "PUT",
        "/api/v1/admin/users/{userId}/suspension",
        "suspendUser",
        "Suspend a user: sign-ins and tokens are refused, and all sessions end. Only for administrators",
        ADMINISTRATION,
        {200: Answered("The suspension", SuspensionView)},
        body=SuspendUser,
        errors=(MISSING, LIMITED, errors.Forbidden),
    ),
    Operation(
        "DELETE",
        "/api/v1/admin/users/{userId}/suspension",
        "unsuspendUser",
        "End the suspension of a user. Only for administrators",
        ADMINISTRATION,
        {204: Answered("The user is not suspended, whether or not there was a suspension")},
        errors=(MISSING, LIMITED),
    ),
    Operation(
        "GET",
        "/api/v1/admin/audit",
        "listAudit",
        "List acts that matter for security, newest first. Only for administrators; other users get 404",
        ADMINISTRATION,
        {200: Answered("A page of the audit", AuditPage)},
        query=AuditQuery,
        errors=(MISSING,),
    ),
    Operation(
        "PUT",
        "/api/v1/me/avatar",
        "changeMyAvatar",
        "Upload your picture, in the field `file` of a form: JPEG, PNG, GIF or WebP of at most 5 MiB",
        PEOPLE,
        {200: Answered("Your user, with the picture's address", Profile)},
        body=AvatarForm,
        body_type="multipart/form-data",
        errors=(LIMITED,),
    ),
    Operation(
        "PUT",
        "/api/v1/conversations/{conversationId}/avatar",
        "changeGroupAvatar",
        "Upload the picture of a group",
        CONVERSATIONS,
        {200: Answered("The conversation", Conversation)},
        body=AvatarForm,
        body_type="multipart/form-data",
        errors=(LIMITED, MISSING, errors.Forbidden, TAKEN),
    ),
    Operation(
        "GET",
        "/api/v1/avatars/{avatarId}",
        "showAvatar",
        "A picture of a user or a group; 404 until it is processed",
        PEOPLE,
        {200: Answered("At most 480 pixels wide and high", bytes, "image/jpeg")},
        credential="none",
        errors=(MISSING,),
    ),
    Operation(
        "DELETE",
        "/api/v1/me",
        "deleteMe",
        "Delete your account. If it has a password, the request needs the password",
        OWN_DATA,
        {202: Answered("Nobody can sign in any more. A background task removes the data", DeletionTaken)},
        body=DeleteAccount,
        errors=(errors.Forbidden, LIMITED),
    ),
    Operation(
        "POST",
        "/api/v1/me/export",
        "exportMyData",
        "Export your data into a file. If an export is pending, returns that one",
        OWN_DATA,
        {202: Answered("The export is pending", ExportView)},
        errors=(LIMITED,),
    ),
    Operation(
        "GET",
        "/api/v1/me/exports/{exportId}",
        "showExport",
        "Show the state of an export",
        OWN_DATA,
        {200: Answered("The export", ExportView)},
        errors=(MISSING,),
    ),
    Operation(
        "GET",
        "/api/v1/me/exports/{exportId}/file",
        "readExport",
        "Download the file: lines of JSON, whose `type` is profile, block, conversation or message",
        OWN_DATA,
        {200: Answered("Lines of JSON", str, "application/x-ndjson")},
        errors=(MISSING,),
    ),
)
