/** @import { Profile, ProfilePatch, SignIn, User } from "./types.js" */
import { Api, pictureForm } from "./api.js";

/** The REST calls for your account: signing in, your profile, your password, your second factor and your sign-ins. */
export class AccountCalls extends Api {
  /** Keeps what the server answered about you. @param {Profile} _user */
  keepMe(_user) {}

  /** @param {ProfilePatch} changes @returns {Promise<Profile>} */
  async updateMe(changes) {
    return this.#kept(await this.request("PATCH", "/me", changes));
  }

  /**
   * Everybody sees the picture, scaled down. `updateMe({ avatarUrl: null })` removes it.
   * @param {Blob} picture a JPEG, PNG, GIF or WebP of at most 5 MiB @returns {Promise<Profile>}
   */
  async setAvatar(picture) {
    return this.#kept(await this.request("PUT", "/me/avatar", pictureForm(picture)));
  }

  /** @param {Profile} user */
  #kept(user) {
    this.keepMe(user);
    return user;
  }

  /** Signs in. @param {string} _path @param {any} _body @returns {Promise<User>} */
  enter(_path, _body) {
    throw new Error();
  }

  /** @param {{ username: string, password: string, displayName?: string }} account @returns {Promise<User>} */
  register(account) {
    return this.enter("/auth/register", account);
  }

  /** Completes a `login` that was rejected with `second_factor_required`. @param {{ challenge: string, code: string }} proof @returns {Promise<User>} */
  loginWithCode(proof) {
    return this.enter("/auth/login/second-factor", proof);
  }

  /** Returns a secret for an authenticator, which counts once it is confirmed. @param {{ password: string }} proof @returns {Promise<{ secret: string, uri: string }>} */
  beginSecondFactor(proof) {
    return this.request("POST", "/auth/second-factor", proof);
  }

  /** Turns the second factor on. @param {{ code: string }} proof @returns {Promise<string[]>} the recovery codes */
  async confirmSecondFactor(proof) {
    return (await this.request("POST", "/auth/second-factor/confirm", proof)).recoveryCodes;
  }

  /** @param {{ password: string, code: string }} proof */
  async disableSecondFactor(proof) {
    await this.request("DELETE", "/auth/second-factor", proof);
  }

  /** @param {{ password: string, code: string }} proof @returns {Promise<string[]>} the new recovery codes */
  async renewRecoveryCodes(proof) {
    return (await this.request("POST", "/auth/second-factor/recovery-codes", proof)).recoveryCodes;
  }

  /** Ends all your other sign-ins. @param {{ current: string, new: string }} passwords */
  async changePassword(passwords) {
    await this.request("POST", "/auth/password", passwords);
  }

  /** Sends a link to the address, which counts once the link was opened. @param {{ email: string, password: string }} change */
  async changeEmail(change) {
    await this.request("PUT", "/me/email", change);
  }

  /** @param {{ password: string }} proof */
  async removeEmail(proof) {
    await this.request("DELETE", "/me/email", proof);
  }

  /** @param {string} _path @param {any} _body @returns {Promise<void>} */
  post(_path, _body) {
    throw new Error();
  }

  /** Confirms an address; works without a sign-in. @param {string} token from the link */
  async verifyEmail(token) {
    await this.post("/auth/email/verify", { token });
  }

  /** Sends a link; works without a sign-in. @param {{ username: string } | { email: string }} account */
  async forgotPassword(account) {
    await this.post("/auth/password/forgot", account);
  }

  /** Works without a sign-in. @param {{ token: string, password: string }} choice `token` is from the link */
  async resetPassword(choice) {
    await this.post("/auth/password/reset", choice);
  }

  /** @returns {Promise<SignIn[]>} */
  async signIns() {
    return (await this.request("GET", "/auth/sessions")).sessions;
  }

  /** @param {string} id */
  async endSignIn(id) {
    await this.request("DELETE", `/auth/sessions/${id}`);
  }

  async endOtherSignIns() {
    await this.request("POST", "/auth/sessions/end-others");
  }
}
