/** Mobula's mark: a ray seen from above. */
import { LabIcon } from "@jupyterlab/ui-components";

const RAY =
  '<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16" viewBox="0 0 24 24"><path class="jp-icon3" fill="#616161" d="M9.7 2.8c.3 1.2 1.1 1.9 2.3 1.9s2-.7 2.3-1.9c1 .4 1.4 1.6 1.1 3 3.6 1.2 6.6 4.3 7.8 8.9-3-1.3-5.7-1-7.9.5-1.2.8-2 1.9-2.5 3.3l-.4 3.7h-.8l-.4-3.7c-.5-1.4-1.3-2.5-2.5-3.3-2.2-1.5-4.9-1.8-7.9-.5 1.2-4.6 4.2-7.7 7.8-8.9-.3-1.4.1-2.6 1.1-3z"/></svg>';

/** Follows the theme like JupyterLab's own icons. */
export const rayIcon: LabIcon = new LabIcon({ name: "@mobula/jupyterlab:ray", svgstr: RAY });
