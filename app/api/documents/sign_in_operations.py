"""The REST operations for your password and your sign-ins."""

from __future__ import annotations

from app.api.operation import AUTH, LIMITED, MISSING, TAKEN, Answered, Operation
from app.core import errors
from app.core.accounts import ChangePassword, SignInList, SignInsEnding

# Redis does not answer: the answer says what has ended and what follows.
ENDING = {202: Answered("Ended, but not everywhere yet", SignInsEnding)}

SIGN_IN_OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "POST",
        "/api/v1/auth/password",
        "changePassword",
        "Change your password. All your other sign-ins end",
        AUTH,
        {204: Answered("The password was changed"), **ENDING},
        body=ChangePassword,
        errors=(LIMITED, errors.Forbidden, TAKEN),
    ),
    Operation(
        "GET",
        "/api/v1/auth/sessions",
        "listSignIns",
        "List your sign-ins, the last used one first",
        AUTH,
        {200: Answered("At most 100 sign-ins", SignInList)},
    ),
    Operation(
        "DELETE",
        "/api/v1/auth/sessions/{sessionId}",
        "endSignIn",
        "End one of your sign-ins: its tokens stop working and its connections close",
        AUTH,
        {204: Answered("The sign-in has ended; also if it had before"), **ENDING},
        errors=(MISSING, LIMITED),
    ),
    Operation(
        "POST",
        "/api/v1/auth/sessions/end-others",
        "endOtherSignIns",
        "End all your sign-ins except this one",
        AUTH,
        {204: Answered("The other sign-ins have ended"), **ENDING},
        errors=(LIMITED,),
    ),
)
