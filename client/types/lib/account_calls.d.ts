/** The REST calls for your profile, your password and your sign-ins. */
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
    /** Ends all your other sign-ins. @param {{ current: string, new: string }} passwords */
    changePassword(passwords: {
        current: string;
        new: string;
    }): Promise<void>;
    /** Has a link sent to the address, which counts once the link was opened. @param {{ email: string, password: string }} change */
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
    /** Has a link sent; works without a sign-in. @param {{ username: string } | { email: string }} account */
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
import type { SignIn } from "./types.js";
