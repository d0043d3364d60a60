"""The REST operations for your password and your sign-ins."""

from __future__ import annotations

from app.api.operation import AUTH, LIMITED, MISSING, TAKEN, Answered, Operation
from app.core import errors
from app.core.accounts import (
    ChangeEmail,
    ChangePassword,
    ForgotPassword,
    MailTaken,
    RemoveEmail,
    ResetPassword,
    SignInList,
    SignInsEnding,
    VerifyEmail,
)

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
    Operation(
        "POST",
        "/api/v1/auth/password/forgot",
        "forgotPassword",
        "Have a link to choose a new password sent to the account's e-mail address. The answer is always the same",
        AUTH,
        {202: Answered("If there is such an account with a verified address, it gets a mail", MailTaken)},
        credential="none",
        body=ForgotPassword,
        errors=(MISSING, LIMITED, errors.EmailOff),
    ),
    Operation(
        "POST",
        "/api/v1/auth/password/reset",
        "resetPassword",
        "Choose a new password with the token of a link. All sign-ins of the account end",
        AUTH,
        {204: Answered("The password was changed")},
        credential="none",
        body=ResetPassword,
        errors=(MISSING, LIMITED),
    ),
    Operation(
        "PUT",
        "/api/v1/me/email",
        "changeEmail",
        "Have a link sent to a new e-mail address. The address counts when the link was opened",
        AUTH,
        {202: Answered("The mail will be sent", MailTaken)},
        body=ChangeEmail,
        errors=(errors.Forbidden, LIMITED, errors.EmailOff),
    ),
    Operation(
        "DELETE",
        "/api/v1/me/email",
        "removeEmail",
        "Remove your e-mail address",
        AUTH,
        {204: Answered("You have no address; also if you had none")},
        body=RemoveEmail,
        errors=(errors.Forbidden, LIMITED),
    ),
    Operation(
        "POST",
        "/api/v1/auth/email/verify",
        "verifyEmail",
        "Confirm an e-mail address with the token of a link",
        AUTH,
        {204: Answered("The address counts from now on")},
        credential="none",
        body=VerifyEmail,
        errors=(LIMITED,),
    ),
)
