import type { Language, TopicView } from '../engine/bindings';
import { store } from '../engine/store.svelte';
import { language } from '../i18n/i18n.svelte';

/** Topics in the window's language; read once per language. */
class Topics {
  list = $state.raw<TopicView[]>([]);
  #language: Language | null = null;

  /** Reads them when the language is another. Called where they are shown. */
  follow() {
    $effect(() => {
      const wanted = language();
      if (!store.open || this.#language === wanted) return;
      this.#language = wanted;
      store.call('topics', {}).then(
        (list) => (this.list = list),
        () => (this.#language = null),
      );
    });
  }

  name(topic: string, subtopic?: string | null): string {
    const found = this.list.find((t) => t.id === topic);
    const below = found?.subtopics.find((s) => s.id === subtopic);
    return [found?.name ?? topic, subtopic ? (below?.name ?? subtopic) : null].filter(Boolean).join(' › ');
  }
}

export const topics = new Topics();
