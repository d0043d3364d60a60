/** @import { SignIn } from "./types.js" */
import { Api } from "./api.js";

/** The REST calls for your password and your sign-ins. */
export class AccountCalls extends Api {
  /** Ends all your other sign-ins. @param {{ current: string, new: string }} passwords */
  async changePassword(passwords) {
    await this.request("POST", "/auth/password", passwords);
  }

  /** Has a link sent to the address, which counts once the link was opened. @param {{ email: string, password: string }} change */
  async changeEmail(change) {
    await this.request("PUT", "/me/email", change);
  }

  /** @param {{ password: string }} proof */
  async removeEmail(proof) {
    await this.request("DELETE", "/me/email", proof);
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
