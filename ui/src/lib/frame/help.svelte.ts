import { onHelp } from '../app/shortcuts';

class Help {
  open = $state(false);

  show() {
    this.open = true;
  }
}

export const help = new Help();
onHelp(() => help.show());
