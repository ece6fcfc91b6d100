// Figures, times and names as people read them.

const grouped = new Intl.NumberFormat("en");
const units = ["", "k", "M", "G", "T", "P"];

/** 12,345 */
export const count = number => grouped.format(Math.round(number));

/** 1.5 M, 320 k, 12 */
export function short(number, unit = "") {
  let power = 0;
  while (Math.abs(number) >= 1000 && power < units.length - 1) {
    number /= 1000;
    power++;
  }

  const text = number >= 100 || (power === 0 && Number.isInteger(number)) ? number.toFixed(0) : number.toFixed(1);
  return `${text} ${units[power]}${unit}`.trim();
}

/** 90 s, 15 min, 3.5 h, 2 d */
export function seconds(number) {
  if (number < 100) return `${Math.round(number)} s`;
  if (number < 6000) return `${Math.round(number / 60)} min`;
  return number < 172_800 ? `${Number((number / 3600).toFixed(1))} h` : `${Math.round(number / 86_400)} d`;
}

/** 2026-11-25 17:05:53Z */
export const time = text => new Date(text).toISOString().replace("T", " ").replace(/\.\d+Z$/, "Z");

/** 17:05:53.836 */
export const clock = text => new Date(text).toISOString().slice(11, 23);

/** The last word of a resource id. */
export const nameOf = id => id.slice(id.lastIndexOf("/") + 1);

/** PT3H as 3 h */
export function duration(text) {
  const [, days = 0, hours = 0, minutes = 0, rest = 0] = /^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/.exec(text) ?? [];
  return seconds(86_400 * days + 3600 * hours + 60 * minutes + Number(rest));
}

const protocols = { 1: "Icmp", 6: "Tcp", 17: "Udp", 50: "Esp", 51: "Ah", 58: "Icmpv6" };

/** The name of an IANA number. */
export const protocol = number => protocols[number] ?? String(number);

/** 10.0.0.4:22, [fd00::4]:22, 10.0.0.4 */
export function endpoint(address, port) {
  if (port === undefined || port === null) return address;
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}
