export class Media {
    constructor(client: any);
    /** Keeps the local file of a medium that was uploaded here, so that nothing downloads it again. */
    keepLocal(mediaId: any, file: any): void;
    local(mediaId: any): any;
    /** @returns {Promise<string>} an address for an <img>, an <audio> or a link */
    url(mediaId: any, variant: any): Promise<string>;
    #private;
}
