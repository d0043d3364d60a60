export { ParleyChat };
import { ParleyChat } from "./widget/element.js";
