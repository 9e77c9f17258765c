import { isTauri } from '@tauri-apps/api/core';
import { BridgeEngine } from './bridge';
import type { Engine } from './engine';
import { TauriEngine } from './tauri';

/** Inside the desktop shell the engine is in the same process; in a browser it is behind the bridge. */
export function chooseEngine(): Engine {
  return isTauri() ? new TauriEngine() : new BridgeEngine();
}
