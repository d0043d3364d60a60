/** The REST calls for your account: signing in, your profile, your password, your second factor and your sign-ins. */
export class AccountCalls extends Api {
    /** Keeps what the server answered about you. @param {Profile} _user */
    keepMe(_user: Profile): void;
    /** @param {ProfilePatch} changes @returns {Promise<Profile>} */
    updateMe(changes: ProfilePatch): Promise<Profile>;
    /**
     * Everybody sees the picture, scaled down. `updateMe({ avatarUrl: null })` removes it.
     * @param {Blob} picture a JPEG, PNG, GIF or WebP of at most 5 MiB @returns {Promise<Profile>}
     */
    setAvatar(picture: Blob): Promise<Profile>;
    /** Signs in. @param {string} _path @param {any} _body @returns {Promise<User>} */
    enter(_path: string, _body: any): Promise<User>;
    /** @param {{ username: string, password: string, displayName?: string }} account @returns {Promise<User>} */
    register(account: {
        username: string;
        password: string;
        displayName?: string;
    }): Promise<User>;
    /** Completes a `login` that was rejected with `second_factor_required`. @param {{ challenge: string, code: string }} proof @returns {Promise<User>} */
    loginWithCode(proof: {
        challenge: string;
        code: string;
    }): Promise<User>;
    /** Returns a secret for an authenticator, which counts once it is confirmed. @param {{ password: string }} proof @returns {Promise<{ secret: string, uri: string }>} */
    beginSecondFactor(proof: {
        password: string;
    }): Promise<{
        secret: string;
        uri: string;
    }>;
    /** Turns the second factor on. @param {{ code: string }} proof @returns {Promise<string[]>} the recovery codes */
    confirmSecondFactor(proof: {
        code: string;
    }): Promise<string[]>;
    /** @param {{ password: string, code: string }} proof */
    disableSecondFactor(proof: {
        password: string;
        code: string;
    }): Promise<void>;
    /** @param {{ password: string, code: string }} proof @returns {Promise<string[]>} the new recovery codes */
    renewRecoveryCodes(proof: {
        password: string;
        code: string;
    }): Promise<string[]>;
    /** Ends all your other sign-ins. @param {{ current: string, new: string }} passwords */
    changePassword(passwords: {
        current: string;
        new: string;
    }): Promise<void>;
    /** Sends a link to the address, which counts once the link was opened. @param {{ email: string, password: string }} change */
    changeEmail(change: {
        email: string;
        password: string;
    }): Promise<void>;
    /** @param {{ password: string }} proof */
    removeEmail(proof: {
        password: string;
    }): Promise<void>;
    /** @param {string} _path @param {any} _body @returns {Promise<void>} */
    post(_path: string, _body: any): Promise<void>;
    /** Confirms an address; works without a sign-in. @param {string} token from the link */
    verifyEmail(token: string): Promise<void>;
    /** Sends a link; works without a sign-in. @param {{ username: string } | { email: string }} account */
    forgotPassword(account: {
        username: string;
    } | {
        email: string;
    }): Promise<void>;
    /** Works without a sign-in. @param {{ token: string, password: string }} choice `token` is from the link */
    resetPassword(choice: {
        token: string;
        password: string;
    }): Promise<void>;
    /** @returns {Promise<SignIn[]>} */
    signIns(): Promise<SignIn[]>;
    /** @param {string} id */
    endSignIn(id: string): Promise<void>;
    endOtherSignIns(): Promise<void>;
    #private;
}
import { Api } from "./api.js";
import type { Profile } from "./types.js";
import type { ProfilePatch } from "./types.js";
import type { User } from "./types.js";
import type { SignIn } from "./types.js";
