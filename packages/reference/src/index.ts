export { reference } from "./provider.js";
