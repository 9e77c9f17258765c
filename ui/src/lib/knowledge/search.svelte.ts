/** What is looked for in the articles. It stays when an article is opened and left again. */
class Looked {
  text = $state('');
}
export const looked = new Looked();
