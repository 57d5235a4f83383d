import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

declare const process: { argv: string[] };

const client = createClient<paths>({ baseUrl: process.argv[2] });

const listed = await client.GET("/api/v1/documents", { params: { query: { limit: 1 } } });
if (listed.error) throw new Error(listed.error.detail);
const items: components["schemas"]["DocumentView"][] = listed.data.items;
if (items.length > 1) throw new Error("more than one on a page of one");

const found = await client.POST("/api/v1/search", { body: { query: "관세" } });
if (found.error) throw new Error(found.error.detail);
const total: number = found.data.total;
if (total !== 0) throw new Error(`${total} hits on an empty shelf`);

const refused = await client.GET("/api/v1/documents", { params: { query: { cursor: "nonsense" } } });
if (refused.error?.code !== "wrong_cursor") throw new Error(JSON.stringify(refused));
