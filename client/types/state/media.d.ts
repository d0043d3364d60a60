export class Media {
    constructor(client: any);
    /** Shows the local file for a medium that was uploaded here, until the page closes; downloading it again is not needed. */
    keepLocal(mediaId: any, file: any): void;
    local(mediaId: any): any;
    /** @returns {Promise<string>} an address for an <img>, an <audio> or a link */
    url(mediaId: any, variant: any): Promise<string>;
    #private;
}
