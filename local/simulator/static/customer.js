// Who the person at this page is: kept in this browser, one default customer otherwise.

const KEY = "parley.phone.customer";
const COMPANY_KEY = "parley.phone.company";
const DEFAULT = { name: "Beatriz Souza", phone: "+55 11 98765-4321" };

export function digitsOf(phone) {
  return phone.replace(/[\s()+.-]/g, "");
}

export function isPhone(phone) {
  return /^[1-9][0-9]{6,14}$/.test(digitsOf(phone));
}

export function loadCustomer() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY));
    if (kept && typeof kept.name === "string" && isPhone(String(kept.phone))) return kept;
  } catch {
    // A browser that keeps nothing still has the default customer.
  }
  return { ...DEFAULT };
}

export function keepCustomer(customer) {
  keep(KEY, JSON.stringify(customer));
}

export function lastCompany() {
  try {
    return localStorage.getItem(COMPANY_KEY);
  } catch {
    return null;
  }
}

export function keepCompany(integrationId) {
  keep(COMPANY_KEY, integrationId);
}

function keep(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Nothing is lost but the memory of it.
  }
}
