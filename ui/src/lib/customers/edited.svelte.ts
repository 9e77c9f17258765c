import type { CustomerFields } from '../engine/bindings';

/** A customer's card as it is being changed. */
export class EditedCustomer {
  /** What the form began with: what changes meanwhile is told from what the operator changes. */
  readonly seen: CustomerFields;
  form = $state<CustomerFields>() as CustomerFields;

  constructor(seen: CustomerFields) {
    this.seen = seen;
    this.form = structuredClone(seen);
  }

  get changed(): boolean {
    return JSON.stringify(this.form) !== JSON.stringify(this.seen);
  }
}

class EditedCustomers {
  #all = $state.raw<Record<string, EditedCustomer>>({});

  of(customer: string): EditedCustomer | undefined {
    return this.#all[customer];
  }

  begin(customer: string, seen: CustomerFields) {
    this.#all = { ...this.#all, [customer]: new EditedCustomer(seen) };
  }

  end(customer: string) {
    this.#all = Object.fromEntries(Object.entries(this.#all).filter(([id]) => id !== customer));
  }
}

export const editedCustomers = new EditedCustomers();
