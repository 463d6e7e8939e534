/** What the cells have declared: name, type and size, and below them how the value begins. */
import type { ReactElement } from "react";
import type { Variables, VariableView } from "../variables/variables-link.ts";
import { usePanel } from "./context.ts";
import { formatCount } from "./format.ts";
import { LimitedList, Section } from "./section.tsx";

const ROWS_AT_FIRST = 30;

export function VariablesSection({ variables: { variables, more } }: { variables: Variables }): ReactElement {
  const { trans } = usePanel();
  return (
    <Section name="variables" title={trans.__("Variables")} summary={formatCount(variables.length + more)}>
      {variables.length === 0 && <p className="mobula-Quiet">{trans.__("Cells have declared no variables yet.")}</p>}
      {variables.length > 0 && (
        <LimitedList items={variables} limit={ROWS_AT_FIRST}>
          {(shown) => (
            <table className="mobula-Table mobula-Variables">
              <thead>
                <tr>
                  <th scope="col">{trans.__("Name")}</th>
                  <th scope="col">{trans.__("Type")}</th>
                  <th scope="col">{trans.__("Size")}</th>
                </tr>
              </thead>
              <tbody>
                {shown.map((variable) => (
                  <VariableRow key={variable.name} variable={variable} />
                ))}
              </tbody>
            </table>
          )}
        </LimitedList>
      )}
    </Section>
  );
}

function VariableRow({ variable: { name, type, size, text } }: { variable: VariableView }): ReactElement {
  const { trans } = usePanel();
  return (
    <>
      <tr>
        <th scope="row" title={name}>
          <span className="mobula-Variables-name">{name}</span>
        </th>
        <td title={type}>{type ?? ""}</td>
        <td>{size === undefined ? "" : formatCount(size)}</td>
      </tr>
      <tr className="mobula-Table-more">
        <td colSpan={3} title={text}>
          {text ?? trans.__("not looked at")}
        </td>
      </tr>
    </>
  );
}
